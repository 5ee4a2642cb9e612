"""Names of endpoints, deployments and assets: what is allowed and how they are stored. Called by control and api."""

import re

from teal.domain.errors import InvalidInput
from teal.domain.resource_ids import WorkspaceId

MAX_WORD_CHARS = 260

_ENDPOINT = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_ASSET = re.compile(r"[a-zA-Z0-9_][-a-zA-Z0-9_.]{0,254}")


def parse_name(kind: str, text: str) -> str:
    """The stored (lower-case) form of an endpoint or deployment name (`spec/azureml.md` §1.5).

    3-32 characters, letters, digits and single dashes, starting with a letter. `kind` ("endpoint", "deployment") is
    for the message.
    """
    if not 3 <= len(text) <= 32 or not _ENDPOINT.fullmatch(text) or "--" in text:
        raise InvalidInput(
            f"'{text}' is not a valid {kind} name: 3 to 32 letters, digits and single dashes, "
            "starting with a letter and not ending with a dash.",
            target="name",
        )
    return text.lower()


def parse_asset_name(kind: str, text: str) -> str:
    """Names and versions of models, environments and codes keep their case: up to 255 letters, digits, `-`, `_`,
    `.`."""
    if not _ASSET.fullmatch(text):
        raise InvalidInput(
            f"'{text}' is not a valid {kind}: up to 255 letters, digits, '-', '_' and '.', "
            "not starting with '-' or '.'.",
            target="name",
        )
    return text


def parse_workspace_id(id: WorkspaceId) -> WorkspaceId:
    """Subscription, group and workspace may be any words that can be shown (`spec/wire.md` §1.4)."""
    for kind, text in (
        ("subscription", id.subscription),
        ("resource group", id.resource_group),
        ("workspace", id.name),
    ):
        if not 1 <= len(text) <= MAX_WORD_CHARS or not text.isprintable() or text != text.strip():
            raise InvalidInput(
                f"{text[:40]!r} is not a valid name of a {kind}: 1 to {MAX_WORD_CHARS} characters that can be shown.",
                target=kind,
            )
    return id
