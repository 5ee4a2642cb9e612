"""The `config.json` that names a workspace, as Azure's portal hands it out. Used by `MLClient.from_config`."""

import json
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from teal.sdk.errors import ValidationError

FOLDERS = (".azureml", "aml_config", "")
NAMES = ("config.json", "project.json")
_LEVELS = 20


def load_workspace_config(path: str | os.PathLike[str] | None, file_name: str | None) -> tuple[str, str, str]:
    """Subscription, group and workspace from the file, or the one found from that folder upwards."""
    start = Path(path or ".").expanduser()
    file = start if start.is_file() else next(_find(start, file_name), None)
    if file is None:
        raise ValidationError(
            f"There is no {file_name or 'config.json'} in {start.resolve()} or a folder above it.",
            hint='It holds {"subscription_id": "…", "resource_group": "…", "workspace_name": "…"}.',
        )
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return _named(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValidationError(
            f"{file} does not name a workspace: {error}", hint="Keys: subscription_id, resource_group, workspace_name."
        ) from error


# --- private


def _named(found: dict[str, str]) -> tuple[str, str, str]:
    """Either three keys, or the workspace's ARM id under `Scope`, as older files have it."""
    if "Scope" in found:
        parts = found["Scope"].strip("/").split("/")
        return parts[1], parts[3], parts[7]
    return found["subscription_id"], found["resource_group"], found["workspace_name"]


def _find(start: Path, file_name: str | None) -> Iterator[Path]:
    above = [start.resolve(), *start.resolve().parents][:_LEVELS]
    for folder, name in product(FOLDERS, (file_name,) if file_name else NAMES):
        yield from (file for each in above if (file := each / folder / name).is_file())
