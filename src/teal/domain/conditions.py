"""Conditions: what is true of an object beside its state, each with a reason and a sentence. Shown in `show`, kept
as seen state."""

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    """Every condition Teal reports; each has its line in docs/conditions.md."""

    READY = "Ready"
    UPDATED = "Updated"
    ROUTED = "Routed"
    ENVIRONMENT = "EnvironmentAsAsked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`status` False is the unwelcome one for every type; `since` is epoch seconds of the last change of status or
    reason."""

    type: ConditionType
    status: bool
    reason: str
    message: str
    since: float


def set_condition(conditions: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """`conditions` with `new` in the place of its type; `since` stays when status and reason are what they were."""
    kept = tuple(c for c in conditions if c.type is not new.type)
    for old in conditions:
        if old.type is new.type and (old.status, old.reason, old.message) == (new.status, new.reason, new.message):
            return conditions
    return tuple(sorted((*kept, new), key=lambda c: c.type))


def drop_condition(conditions: tuple[Condition, ...], kind: ConditionType) -> tuple[Condition, ...]:
    return tuple(c for c in conditions if c.type is not kind)
