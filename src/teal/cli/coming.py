"""What a deployment refers to while `teal apply --dry-run` only looks: assets that are there, and those that an earlier
step would make. Used by cli/apply.py."""

from collections.abc import Callable
from dataclasses import dataclass, field

from teal.sdk.client import MLClient
from teal.sdk.entities.deployments import OnlineDeployment
from teal.sdk.references import Reference, parse_reference


@dataclass(slots=True)
class Coming:
    """Versions that earlier steps would make, by kind and name; `next` where the server picks the number."""

    versions: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        """Remember `name:version` of a step."""
        bare, _, version = name.rpartition(":")
        self.versions[kind, bare] = version

    def find_references(self, client: MLClient, deployment: OnlineDeployment) -> dict[str, str]:
        """The attributes of the deployment that refer to what comes, and to what. What neither comes nor is there is an
        error, as it will be without --dry-run."""
        lookups: dict[str, Callable[[str, str | None, str | None], object]] = {
            "model": client.models.get,
            "environment": client.environments.get,
        }
        found = {}
        for kind, get in lookups.items():
            text = getattr(deployment, kind)
            reference = parse_reference(text, kind=kind) if isinstance(text, str) else None
            if not isinstance(reference, Reference):
                continue
            version = self.versions.get((kind, reference.name))
            if version is not None and reference.version in (None, version):
                found[kind] = f"azureml:{reference.name}:{version}"
            else:
                get(reference.name, reference.version, reference.label)
        return found
