"""YAML that somebody sent: conda files and MLmodel files. Refused before it is built where a few lines of it stand for
more than fits anywhere. Called by conda.py, model_environments.py and api/mlflow/model_files.py."""

from typing import Any

import yaml

MAX_DEPTH = 100
MAX_GROWTH = 8
"""How many times its own length a text may stand for by its aliases; nobody writes more than a few."""


def load_foreign_yaml(text: str | bytes, *, as_written: bool = False) -> Any:
    """The one document in a text; `as_written`: every scalar is text. Raises YAMLError."""
    try:
        _check(text)
        return yaml.load(text, Loader=_BASE_LOADER if as_written else _SAFE_LOADER)
    except _UNREADABLE as error:
        raise yaml.YAMLError(f"it has a value that is none of its kind: {error}") from None


# --- private

_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BASE_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# What building a scalar raises: the 30th of February, `!!bool maybe`, a number of 5000 digits, half a character.
_UNREADABLE = (ValueError, KeyError, AttributeError)


def _check(text: str | bytes) -> None:
    """Of events, which cost nothing to look at: neither nested without end, nor grown out of proportion."""
    limit = MAX_GROWTH * len(text) + 10_000
    open_sizes, open_heights, open_anchors = [0], [0], [""]
    size_of: dict[str, int] = {}
    height_of: dict[str, int] = {}
    for event in yaml.parse(text, Loader=_SAFE_LOADER):
        size, height, anchor = 0, 0, getattr(event, "anchor", None) or ""
        if isinstance(event, yaml.CollectionStartEvent):
            open_sizes.append(1)
            open_heights.append(0)
            open_anchors.append(anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, height, anchor = open_sizes.pop(), open_heights.pop() + 1, open_anchors.pop()
        elif isinstance(event, yaml.ScalarEvent):
            size = 1 + len(event.value)
        elif isinstance(event, yaml.AliasEvent) and anchor not in size_of:
            raise yaml.YAMLError(f"the alias *{anchor} means nothing, or what it stands in itself")
        elif isinstance(event, yaml.AliasEvent):
            size, height = size_of[anchor], height_of[anchor]
        if anchor and size and not isinstance(event, yaml.AliasEvent):
            size_of[anchor], height_of[anchor] = size, height
        open_sizes[-1] += size
        open_heights[-1] = max(open_heights[-1], height)
        if len(open_sizes) + open_heights[-1] > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} levels deep")
        if open_sizes[-1] > limit:
            raise yaml.YAMLError("its aliases stand for far more than it says")
