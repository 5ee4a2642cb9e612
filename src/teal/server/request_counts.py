"""How many requests each deployment has had, as answers of the REST surface say it: asked of the gateway at most once a
second for each endpoint, and never waited for long. Constructed by server/assemble.py."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from teal.gateway.traffic import TrafficObserved

FRESH_S = 1.0
WAIT_S = 0.05
KEPT_ENDPOINTS = 1000

Counts = Mapping[str, Mapping[str, int]]
"""By deployment: {"live", "mirrored", "mirror_dropped", "mirror_skipped"}."""


@dataclass(slots=True)
class _Known:
    counts: Counts | None
    at: float
    asking: asyncio.Task[None] | None = None


class RequestCounts:
    """Callable with an endpoint's name; None when nothing is known in time: it is, then, at the next look."""

    def __init__(self, observe: Callable[[str], Awaitable[Mapping[str, TrafficObserved]]]) -> None:
        self._observe = observe
        self._known: dict[str, _Known] = {}

    async def __call__(self, endpoint: str) -> Counts | None:
        known = self._known.setdefault(endpoint, _Known(None, float("-inf")))
        if time.monotonic() - known.at > FRESH_S:
            if known.asking is None:
                self._make_room()
                known.asking = asyncio.create_task(self._ask(endpoint, known), name=f"request counts of {endpoint}")
            await asyncio.wait([known.asking], timeout=WAIT_S)
        return known.counts

    # --- private

    async def _ask(self, endpoint: str, known: _Known) -> None:
        try:
            seen = await self._observe(endpoint)
            known.counts = {
                deployment: {
                    "live": traffic.requests_total,
                    "mirrored": traffic.mirrored_total,
                    "mirror_dropped": traffic.mirror_dropped_total,
                    "mirror_skipped": traffic.mirror_skipped_total,
                }
                for deployment, traffic in seen.items()
            }
        except httpx.HTTPError:
            # Not knowing is no reason to refuse the rest of an answer.
            known.counts = None
        finally:
            known.at = time.monotonic()
            known.asking = None

    def _make_room(self) -> None:
        while len(self._known) > KEPT_ENDPOINTS:
            del self._known[next(iter(self._known))]
