"""Entity <-> the JSON of its row. Every frozen dataclass of the domain round-trips exactly. Used by this room only.

Members that a newer version added are ignored on reading, and members that an older version did not write take their
defaults, so the last release can work beside this one.
"""

import json
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from teal.domain.assets import AssetVersion
from teal.domain.blobs import Blob
from teal.domain.deployments import DeploymentSpec, DeploymentStatus, OnlineDeployment
from teal.domain.endpoints import EndpointKeys, EndpointSpec, EndpointStatus, OnlineEndpoint
from teal.domain.errors import InvalidInput, TealError
from teal.domain.instance_records import InstanceRecord
from teal.domain.operations import Operation
from teal.domain.workspaces import Workspace
from teal.store.errors import StoreRefused

T = TypeVar("T")


class Rows(Generic[T]):
    """The two directions for one type."""

    def __init__(self, type_: type[T]) -> None:
        self._name = type_.__name__
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)

    def format(self, value: T) -> str:
        """The JSON of `value`. A member of a wrong type is an error here, not when it is read back."""
        # By way of the standard library's json, because pydantic's would write infinity as null.
        text = json.dumps(self._adapter.dump_python(value, warnings="error"), ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("The request contains text that is not valid Unicode.") from error
        return text

    def parse(self, text: str) -> T:
        try:
            return self._adapter.validate_json(text)
        except (ValidationError, TealError) as error:
            raise StoreRefused(
                f"A stored {self._name} cannot be read: {error}.",
                code="StorageDamaged",
                hint="Was this data directory edited, or written by another version of Teal?",
            ) from error


WORKSPACES = Rows(Workspace)
ENDPOINTS = Rows(OnlineEndpoint)
ENDPOINT_KEYS = Rows(EndpointKeys)
ENDPOINT_STATUSES = Rows(EndpointStatus)
ENDPOINT_SPECS = Rows(EndpointSpec)
DEPLOYMENTS = Rows(OnlineDeployment)
DEPLOYMENT_STATUSES = Rows(DeploymentStatus)
DEPLOYMENT_SPECS = Rows(DeploymentSpec)
OPERATIONS = Rows(Operation)
INSTANCES = Rows(InstanceRecord)
ASSET_VERSIONS = Rows(AssetVersion)
BLOBS = Rows(Blob)
JSON_OBJECTS = Rows(dict[str, Any])
