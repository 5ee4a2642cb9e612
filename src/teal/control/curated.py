"""Curated environments as if they were registered, for clients that look one up before they deploy with it. Called by
api/assets.py, where nothing of that name is registered."""

from teal.domain.assets import AssetVersion
from teal.domain.curated import Catalogue
from teal.domain.resource_ids import AssetKind, AssetRef, WorkspaceId, is_curated

VERSION = "1"


def find_curated(
    curated: Catalogue, workspace: WorkspaceId, kind: AssetKind, name: str, version: str = VERSION
) -> AssetVersion | None:
    """Any version of a name such as `AzureML-sklearn-1.5`: they all mean the same definition here."""
    if not is_curated(AssetRef(kind, name, version)):
        return None
    conda_file = curated.find_conda_file(name)
    if conda_file is None:
        return None
    body = {"condaFile": conda_file, "image": name, "description": "A curated environment, as this server builds it."}
    return AssetVersion(
        workspace=workspace, kind=kind, name=name, version=version, body=body, created_at=0.0, modified_at=0.0
    )
