"""When to look at which name next. Owned by loop.py; what it costs hardly grows with the number of names."""

import heapq
from collections.abc import Iterator


class Agenda:
    """Each name has one time, the one set last."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        # Times that were replaced stay in the heap until they come up; the map says which are still meant.
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._at)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._at))

    def get(self, name: str) -> float | None:
        return self._at.get(name)

    def set(self, name: str, at: float) -> None:
        if self._at.get(name) != at:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))

    def forget(self, name: str) -> None:
        self._at.pop(name, None)

    def find_first(self) -> float | None:
        """The earliest time of all; None when there is no name."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: float) -> list[str]:
        """The names whose time has come, earliest first. They keep their times: whoever takes them sets new ones."""
        due: dict[str, float] = {}
        while (first := self.find_first()) is not None and first <= now:
            at, name = heapq.heappop(self._heap)
            due[name] = at
        for name, at in due.items():
            heapq.heappush(self._heap, (at, name))
        return list(due)
