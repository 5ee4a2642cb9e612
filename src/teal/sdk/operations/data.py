"""Where a deployment's collected payloads go: data assets, registered with the deployment that fills them (spec/wire.md
§3.8). Used by deployments; callers see the assets only by the ids in `data_collector`."""

import dataclasses

from teal.sdk.entities.settings import DataAsset, DataCollector, DeploymentCollection
from teal.sdk.paths import below
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation

#: `{endpoint}/{deployment}/{collection}` below it, where a collection says nothing else (spec/azureml.md §1.4).
DEFAULT_PLACE = "azureml://datastores/workspaceblobstore/paths/modelDataCollector"


class DataOperations:
    """Registers data assets of collections."""

    def __init__(self, conversation: Conversation, scope: Scope) -> None:
        self._conversation = conversation
        self._root = f"{scope.id}/data"

    def register(self, collector: DataCollector, *, endpoint: str, deployment: str) -> DataCollector:
        """The same collector with the id of an asset, made if need be, in every collection that is on."""
        return self._with_ids(collector, endpoint, deployment, send=True)

    def identify(self, collector: DataCollector, *, endpoint: str, deployment: str) -> DataCollector:
        """The same collector with the ids its assets have or would have; nothing is sent."""
        return self._with_ids(collector, endpoint, deployment, send=False)

    # --- private

    def _with_ids(self, collector: DataCollector, endpoint: str, deployment: str, *, send: bool) -> DataCollector:
        found = {}
        for name, collection in collector.collections.items():
            place = f"{DEFAULT_PLACE}/{endpoint}/{deployment}/{name}"
            found[name] = self._with_id(collection, f"{endpoint}-{deployment}-{name}", place, send=send)
        return dataclasses.replace(collector, collections=found)

    def _with_id(self, collection: DeploymentCollection, name: str, place: str, *, send: bool) -> DeploymentCollection:
        data = collection.data
        if str(collection.enabled).lower() != "true" or isinstance(data, str):
            return collection
        asset = data or DataAsset()
        path = asset.data_id or below(self._root, asset.name or name, "versions", asset.version or 1)
        if send and not asset.data_id:
            properties = {
                "dataType": "uri_folder",
                "dataUri": asset.path or place,
                "isAnonymous": False,
                "isArchived": False,
                "properties": {},
                "tags": {},
            }
            self._conversation.request("PUT", path, "data", json={"properties": properties})
        return dataclasses.replace(collection, data=path)
