"""How a model or environment may be named: `azureml:name:1`, `name@latest`, an ARM id, a registry address. Pure.

Used by the operations on deployments and by what reads ids back (spec/azureml.md §1.2, spec/wire.md §3.7).
"""

from dataclasses import dataclass

from teal.sdk.errors import ValidationError


@dataclass(frozen=True, slots=True)
class Reference:
    """A registered asset: exactly one of version and label is set, or neither, which means the latest."""

    name: str
    version: str | None = None
    label: str | None = None


def parse_reference(text: str, *, kind: str) -> Reference | str:
    """A Reference to look up, or the text itself where the server understands it as it stands."""
    bare = text if text.startswith("azureml://") else text.removeprefix("azureml:")
    if bare.startswith(("/", "azureml://")):
        return bare
    if bare.lower().startswith("azureml-"):
        return text if text.startswith("azureml:") else f"azureml:{text}"
    if "@" in bare:
        name, _, label = bare.rpartition("@")
        return Reference(_named(name, text, kind), label=_named(label, text, kind))
    name, colon, version = bare.rpartition(":")
    if colon:
        return Reference(_named(name, text, kind), version=_named(version, text, kind))
    return Reference(_named(bare, text, kind))


def parse_versioned_id(arm_id: str) -> tuple[str, str]:
    """Name and version from `…/models/NAME/versions/VERSION`."""
    parts = arm_id.strip("/").split("/")
    if len(parts) < 4 or parts[-2].lower() != "versions":
        raise ValidationError(f"not the id of a versioned asset: {arm_id}")
    return parts[-3], parts[-1]


def parse_endpoint_name(deployment_id: str) -> str | None:
    """The endpoint's name from a deployment's id."""
    parts = deployment_id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "onlineendpoints" not in lowered:
        return None
    at = lowered.index("onlineendpoints") + 1
    return parts[at] if at < len(parts) else None


# --- private


def _named(part: str, text: str, kind: str) -> str:
    if part:
        return part
    raise ValidationError(
        f"'{text}' does not name a {kind}.",
        hint=f"Write azureml:NAME:VERSION, azureml:NAME@latest, or describe the {kind} in place.",
    )
