"""Waiting for a condition instead of sleeping; every test that watches another process or task uses it."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

DEFAULT_WITHIN_S = 10.0


@overload
async def wait_until(
    condition: Callable[[], Awaitable[T]],
    within_s: float = ...,
    *,
    every_s: float = ...,
    describe: Callable[[], object] | str | None = ...,
) -> T: ...
@overload
async def wait_until(
    condition: Callable[[], T],
    within_s: float = ...,
    *,
    every_s: float = ...,
    describe: Callable[[], object] | str | None = ...,
) -> T: ...
async def wait_until(
    condition: Callable[[], Any],
    within_s: float = DEFAULT_WITHIN_S,
    *,
    every_s: float = 0.02,
    describe: Callable[[], object] | str | None = None,
) -> Any:
    """Return the first truthy value of `condition` (plain or async); fail the test when none came within `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(_format_failure(condition, within_s, describe))
        await asyncio.sleep(every_s)


def wait_until_sync(
    condition: Callable[[], T],
    within_s: float = DEFAULT_WITHIN_S,
    *,
    every_s: float = 0.02,
    describe: Callable[[], object] | str | None = None,
) -> T:
    """The same for tests without an event loop."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(_format_failure(condition, within_s, describe))
        time.sleep(every_s)


# --- private


def _format_failure(
    condition: Callable[[], object], within_s: float, describe: Callable[[], object] | str | None
) -> str:
    name = getattr(condition, "__qualname__", repr(condition))
    seen = describe() if callable(describe) else describe
    return f"{name} did not become true within {within_s:g} s" + (f"; {seen}" if seen is not None else "")
