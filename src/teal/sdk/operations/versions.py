"""What models and environments share: finding a version by number or label, lists, archive and restore."""

from collections.abc import Iterator
from typing import Any

from teal.sdk.errors import ResourceNotFoundError, ValidationError
from teal.sdk.paths import below
from teal.sdk.references import parse_reference
from teal.sdk.scopes import Scope
from teal.sdk.transport import Conversation


class VersionedAssets:
    """Reads and writes `{kind}/{name}/versions/{version}`."""

    def __init__(self, conversation: Conversation, scope: Scope, kind: str) -> None:
        self._conversation = conversation
        self._kind = kind
        self._root = f"{scope.id}/{kind}"

    def read(self, name: str, version: str | None, label: str | None) -> dict[str, Any]:
        """One version; without a version or label, or with label `latest`, the newest."""
        if version and label:
            raise ValidationError("Give a version or a label, not both.")
        if version:
            found: dict[str, Any] = self._conversation.get(below(self._root, name, "versions", version), self._kind)
            return found
        return self._latest(name, label or "latest")

    def versions(self, name: str, view: str, **params: Any) -> Iterator[dict[str, Any]]:
        return self._conversation.pages(below(self._root, name, "versions"), self._kind, listViewType=view, **params)

    def containers(self, view: str) -> Iterator[dict[str, Any]]:
        return self._conversation.pages(self._root, self._kind, listViewType=view)

    def container(self, name: str) -> dict[str, Any] | None:
        """The properties of a name's container, or None where there is no such name."""
        try:
            body = self._conversation.get(below(self._root, name), self._kind)
        except ResourceNotFoundError:
            return None
        properties: dict[str, Any] = body.get("properties") or {}
        return properties

    def write(self, name: str, version: str, body: dict[str, Any]) -> dict[str, Any]:
        path = below(self._root, name, "versions", version)
        written: dict[str, Any] = self._conversation.request("PUT", path, self._kind, json=body).json()
        return written

    def set_archived(self, name: str, version: str | None, label: str | None, archived: bool) -> None:
        """Archive or restore one version, or, without version and label, the name as a whole."""
        if version or label:
            resource = self.read(name, version, label)
            body = {"properties": {**resource["properties"], "isArchived": archived}}
            self.write(name, resource["name"], body)
            return
        body = self._conversation.get(below(self._root, name), self._kind)
        body = {"properties": {**(body.get("properties") or {}), "isArchived": archived}}
        self._conversation.request("PUT", below(self._root, name), self._kind, json=body)

    def resolve(self, text: str, kind: str) -> str:
        """The id a reference stands for; what the server reads as it stands is passed on."""
        reference = parse_reference(text, kind=kind)
        if isinstance(reference, str):
            return reference
        if reference.version:
            return below(self._root, reference.name, "versions", reference.version)
        return str(self._latest(reference.name, reference.label or "latest")["id"])

    # --- private

    def _latest(self, name: str, label: str) -> dict[str, Any]:
        if label != "latest":
            return self.read(name, self._find_labelled(name, label), None)
        newest = {"$orderBy": "createdtime desc", "$top": 1}
        for resource in self._conversation.pages(below(self._root, name, "versions"), self._kind, **newest):
            return resource
        raise ResourceNotFoundError(
            f"There is no {self._kind[:-1]} named '{name}'.",
            status_code=404,
            code="ResourceNotFound",
            hint=f"`teal {self._kind[:-1]} list` shows what there is.",
        )

    def _find_labelled(self, name: str, label: str) -> str:
        """The version that MLflow's clients gave this alias: it is a label here."""
        aliases = (self.container(name) or {}).get("aliases") or {}
        if label not in aliases:
            known = ", ".join(["latest", *sorted(aliases)])
            raise ValidationError(f"'{label}' is not a label of {self._kind[:-1]} '{name}'; it has: {known}.")
        return str(aliases[label])
