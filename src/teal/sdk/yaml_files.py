"""Reading and writing YAML, with the library imported at the first use: most commands need none of it.

Used by whatever in the SDK touches YAML.
"""

from typing import IO, Any


class YamlError(ValueError):
    """The text is not YAML; the message says where."""


def parse_yaml(text: str | bytes | IO[str] | IO[bytes]) -> Any:
    """The one document in a text."""
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error


def parse_all_yaml(text: str | bytes) -> list[Any]:
    """All documents in a text."""
    import yaml

    try:
        return list(yaml.load_all(text, Loader=_loader()))
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error


def format_yaml(data: Any, *, sort_keys: bool) -> str:
    """Plain data as text."""
    import yaml

    return yaml.safe_dump(data, sort_keys=sort_keys, default_flow_style=False, allow_unicode=True)


# --- private


def _loader() -> Any:
    """libyaml's loader where it was built in: the same documents, ten times as fast."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
