"""What every verb is given beside its own arguments, and what a verb that starts an operation returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from teal.domain.operations import Operation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moment:
    """The time and the source of ids of one request: passed in, so that no verb reads a clock. `now` is epoch
    seconds."""

    now: float
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """An accepted change: the object as it is wanted now, whether it is new, and the operation that makes it so.

    `operation` is None when nothing had to change.
    """

    value: T
    created: bool
    operation: Operation | None
