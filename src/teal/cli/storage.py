"""`teal storage blob upload-batch`: files for models and code that a script registers over REST. Used by the command
table."""

from typing import Any

from teal.sdk.client import MLClient


def upload_batch(
    client: MLClient,
    destination: str,
    source: str,
    destination_path: str | None = None,
    pattern: str = "*",
    account_name: str | None = None,
    auth_mode: str | None = None,
    overwrite: str | None = None,
    no_progress: bool = False,
) -> Any:
    del account_name, auth_mode, overwrite, no_progress
    place = f"{destination}/{destination_path}" if destination_path else destination
    return [{"Blob": url} for url in client.files.upload(source, place, pattern=pattern)]
