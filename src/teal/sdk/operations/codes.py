"""Code folders of deployments: sent once, found again by their content (spec/wire.md §3.3). Used by deployments."""

from pathlib import Path

from teal.sdk.errors import ValidationError
from teal.sdk.folders import CODE_HASH_VERSION, LocalFile, hash_files, list_files
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation
from teal.sdk.uploads import parse_container, send_files


class CodeOperations:
    """Registers code; callers never see these assets by name."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._scope = scope

    def register(self, folder: Path, *, new_id: str) -> str:
        """The id of the code version with this folder's content, made if there is none yet."""
        files = _list_code(folder)
        digest = hash_files(files)
        asset = f"{self._scope.id}/codes/{new_id}/versions"
        if known := self._find(asset, digest):
            return known
        wish = {"pendingUploadType": "TemporaryBlobReference"}
        pending = self._conversation.post(f"{asset}/1/startPendingUpload", "codes", wish)["blobReferenceForConsumption"]
        name = folder.resolve().name
        send_files(self._conversation, parse_container(pending["credential"]["sasUri"]), files, name)
        body = {
            "properties": {
                "codeUri": f"{pending['blobUri'].rstrip('/')}/{name}",
                "isAnonymous": True,
                "properties": {"hash_sha256": digest, "hash_version": str(CODE_HASH_VERSION)},
            }
        }
        return str(self._conversation.request("PUT", f"{asset}/1", "codes", json=body).json()["id"])

    def find_same(self, folder: Path, *, new_id: str) -> str | None:
        """The id of the code version with this folder's content, or None; nothing is sent."""
        return self._find(f"{self._scope.id}/codes/{new_id}/versions", hash_files(_list_code(folder)))

    # --- private

    def _find(self, asset: str, digest: str) -> str | None:
        known = self._conversation.get(asset, "codes", hash=digest, hashVersion=CODE_HASH_VERSION).get("value")
        return str(known[0]["id"]) if known else None


def _list_code(folder: Path) -> list[LocalFile]:
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise ValidationError(
            f"code_configuration.code must be a folder, and {folder} {what}.",
            hint="Name the script beside it: `scoring_script: score.py`.",
        )
    return list_files(folder)
