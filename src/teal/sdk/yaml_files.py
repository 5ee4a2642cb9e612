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
        return _shallow(yaml.load(text, Loader=_loader()))
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error
    except RecursionError as error:
        raise YamlError(_TOO_DEEP) from error


def parse_all_yaml(text: str | bytes) -> list[Any]:
    """All documents in a text."""
    import yaml

    try:
        return [_shallow(document) for document in yaml.load_all(text, Loader=_loader())]
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error
    except RecursionError as error:
        raise YamlError(_TOO_DEEP) from error


def format_yaml(data: Any, *, sort_keys: bool) -> str:
    """Plain data as text."""
    import yaml

    return yaml.safe_dump(data, sort_keys=sort_keys, default_flow_style=False, allow_unicode=True)


# --- private

MAX_DEPTH = 100
_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _shallow(data: Any) -> Any:
    """The data, if it can be walked by functions that call themselves; a part that is shared is looked at once."""
    level, seen = [data], set[int]()
    for _ in range(MAX_DEPTH):
        inside = [item for each in level for item in _members(each) if id(item) not in seen]
        seen.update(map(id, inside))
        if not inside:
            return data
        level = inside
    raise YamlError(_TOO_DEEP)


def _members(data: Any) -> list[Any]:
    items = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [item for item in items if isinstance(item, (dict, list))]


def _loader() -> Any:
    """libyaml's loader where it was built in: the same documents, ten times as fast."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
