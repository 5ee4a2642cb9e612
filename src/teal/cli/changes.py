"""--set, --add and --remove on plain data, with az's grammar (spec/azureml.md §0.15). Pure; used by the commands."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knack.util import CLIError

#: What the parser hands over: place in the line, words.
Given = Sequence[tuple[int, list[str]]] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """All of them, in the order they were given."""

    steps: tuple[tuple[str, tuple[str, ...]], ...]
    force_string: bool = False

    def __bool__(self) -> bool:
        return bool(self.steps)


def build_changes(set_values: Given, add: Given = None, remove: Given = None, *, force_string: bool = False) -> Changes:
    """The three flags put back into the order of the command line."""
    placed = [
        (place, kind, tuple(words))
        for kind, given in (("set", set_values), ("add", add), ("remove", remove))
        for place, words in given or ()
    ]
    return Changes(tuple((kind, words) for _, kind, words in sorted(placed)), force_string)


def find_set(changes: Changes, key: str) -> str | None:
    """What `--set key=…` says of a member at the top, the last one counting: published scripts name endpoints so."""
    words = [word for kind, words in changes.steps if kind == "set" for word in words]
    said = [word.partition("=")[2] for word in words if word.partition("=")[0] == key]
    return said[-1] if said else None


def apply_changes(data: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The data as it is after the changes; what was given in is left as it was."""
    changed = copy.deepcopy(data)
    for kind, words in changes.steps:
        if kind == "set":
            for word in words:
                _set(changed, word, changes.force_string)
        elif kind == "add":
            _add(changed, words, changes.force_string)
        else:
            _remove(changed, words)
    return changed


def refuse_other_identity(before: dict[str, Any], after: dict[str, Any], keys: Sequence[str]) -> None:
    """A version is what it is: its content cannot be changed, only what is written about it."""
    changed = [key for key in keys if before.get(key) != after.get(key)]
    if changed:
        raise CLIError(
            f"{', '.join(changed)} of a version cannot be changed; description, tags and properties can."
            " Create another version instead."
        )


def refuse_fixed(before: dict[str, Any], after: dict[str, Any], *, names: Sequence[str], filled: Sequence[str]) -> None:
    """What an object is called cannot be changed, nor what the server says of it."""
    for key in (*names, *filled):
        if before.get(key) != after.get(key):
            why = "it says which one is to be changed" if key in names else "it is the server that fills it in"
            raise CLIError(f"'{key}' cannot be changed: {why}.")


# --- private

_ASSIGNMENT = re.compile(r"((?:\[[^\]]*\]|[^=\[])+)=(.*)", re.DOTALL)
_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def _set(data: dict[str, Any], word: str, force_string: bool) -> None:
    # An equals sign in brackets picks an element; the first one outside parts path and value.
    match = _ASSIGNMENT.fullmatch(word)
    if match is None:
        raise CLIError(f"--set takes PATH=VALUE, not '{word}'.")
    path, value = match.groups()
    *parents, last = _steps(path, "--set")
    holder = _walk(data, parents, path, make=True)
    parsed = value if force_string else _parse(value)
    if isinstance(holder, list):
        holder[_index(holder, last, path)] = parsed
    else:
        holder[last] = parsed


def _add(data: dict[str, Any], words: Sequence[str], force_string: bool) -> None:
    path, *values = words
    if not values:
        raise CLIError(f"--add takes a path and what to add there: --add {path} VALUE.")
    *parents, last = _steps(path, "--add")
    holder = _walk(data, parents, path, make=True)
    target = holder[_index(holder, last, path)] if isinstance(holder, list) else holder.get(last)
    pairs = [value.partition("=") for value in values]
    if all(equals and key and "{" not in key for key, equals, _ in pairs):
        added: dict[str, Any] = {key: item if force_string else _parse(item) for key, _, item in pairs}
        if isinstance(target, list):
            target.append(added)
        else:
            holder[last] = {**(target or {}), **added}
        return
    items = [value if force_string else _parse(value) for value in values]
    if isinstance(target, dict):
        raise CLIError(f"--add {path}: it is a map; add KEY=VALUE.")
    holder[last] = [*(target or ()), *items]


def _remove(data: dict[str, Any], words: Sequence[str]) -> None:
    path, *indices = words
    *parents, last = _steps(path, "--remove")
    holder = _walk(data, parents, path, make=False)
    if isinstance(holder, list):
        del holder[_index(holder, last, path)]
        return
    if last not in holder:
        raise CLIError(f"--remove {path}: there is no '{last}'.{_there_is(holder)}")
    if not indices:
        # Not deleted but emptied, so that the difference to before says it is gone.
        holder[last] = None
        return
    target = holder[last]
    if not isinstance(target, list):
        raise CLIError(f"--remove {path} {indices[0]}: '{last}' is not a list.")
    del target[_index(target, indices[0], path)]


def _steps(path: str, flag: str) -> list[str]:
    steps = [name or index for name, index in _STEP.findall(path)]
    if not steps:
        raise CLIError(f"{flag} '{path}': that is not a path.")
    return steps


def _walk(data: Any, parents: Sequence[str], path: str, *, make: bool) -> Any:
    at = data
    for step in parents:
        if isinstance(at, list):
            at = at[_index(at, step, path)]
        else:
            if at.get(step) is None:
                if not make:
                    raise CLIError(f"'{path}': there is no '{step}'.{_there_is(at)}")
                at[step] = {}
            at = at[step]
        if not isinstance(at, (dict, list)):
            raise CLIError(f"'{path}': '{step}' is {at!r}, which has nothing inside it.")
    return at


def _index(items: list[Any], step: str, path: str) -> int:
    """A number, or `key=value` that picks the one element which has it."""
    key, equals, value = step.partition("=")
    if equals:
        found = [place for place, item in enumerate(items) if isinstance(item, dict) and str(item.get(key)) == value]
        if len(found) == 1:
            return found[0]
        raise CLIError(f"'{path}': {len(found)} elements have {step}.")
    if step.lstrip("-").isdigit() and -len(items) <= int(step) < len(items):
        return int(step)
    raise CLIError(f"'{path}': {step} is not an element of the list; it has {len(items)}.")


def _parse(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _there_is(holder: dict[str, Any]) -> str:
    return f" There is: {', '.join(sorted(holder))}." if holder else ""
