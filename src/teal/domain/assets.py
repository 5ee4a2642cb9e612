"""Versioned assets: models, environments and codes, and the container that groups the versions of one name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from teal.domain.resource_ids import AssetKind, AssetRef, WorkspaceId

CODE_HASH_PROPERTY = "hash_sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetVersion:
    """One version of an asset. `body` is the resource's whole `properties` as sent, unknown members included.

    `seq` orders versions by creation ("latest" is the newest created, `spec/wire.md` §3.4). Times are epoch seconds.
    """

    workspace: WorkspaceId
    kind: AssetKind
    name: str
    version: str
    body: Mapping[str, Any]
    created_at: float
    modified_at: float
    is_archived: bool = False
    seq: int = 0

    @property
    def ref(self) -> AssetRef:
        return AssetRef(self.kind, self.name, self.version)

    @property
    def is_anonymous(self) -> bool:
        """Made by a client for one deployment, under a name that nobody chose."""
        return self.body.get("isAnonymous") is True


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetContainer:
    """All versions of one name. `latest_version` is the newest created; `next_version` the next free whole number.

    Times are the creation of its first version and the last change of any, or its own where it was made before them;
    `is_anonymous`: no version was named. `aliases` are its labels, alias -> version; `last_number` is the greatest
    number any version ever had, so that none is given out twice.
    """

    workspace: WorkspaceId
    kind: AssetKind
    name: str
    latest_version: str | None
    next_version: str
    created_at: float
    modified_at: float
    is_anonymous: bool = False
    is_archived: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    last_number: int = 0


def next_version_after(versions: list[str]) -> str:
    """One more than the greatest whole-number version; "1" when there is none."""
    return str(max((int(v) for v in versions if v.isdigit()), default=0) + 1)
