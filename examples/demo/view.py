"""Shows the rollout: a table that is redrawn on a terminal, rows as they complete anywhere else."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from examples.demo.rows import Row

COLUMNS = ("step", "split wanted", "split seen (99.99 % bound)", "shadow copies", "p50 / p99 ms", "failed")


class View:
    """`begin` names what is being done; `add` puts a finished row into the table."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._rows: list[Row] = []
        self._doing = ""
        self._since = self._began = time.monotonic()
        self._in_progress: Callable[[], Row | None] = lambda: None
        self._footer: Callable[[], str] = lambda: ""
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=5)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._doing = ""
            self._live.stop()

    def watch(self, in_progress: Callable[[], Row | None], footer: Callable[[], str]) -> None:
        """Where to look for the row that is still being counted, and for the running totals."""
        self._in_progress, self._footer = in_progress, footer

    def begin(self, doing: str) -> None:
        self._doing, self._since = doing, time.monotonic()
        if not self._live:
            self._say(f"[{self._since - self._began:5.1f} s] {doing}")

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if not self._live:
            parts = [
                row.wanted and f"wanted {row.wanted}",
                row.seen and f"seen {row.seen}",
                row.shadow and f"shadow copies {row.shadow}",
                row.latency and f"p50 / p99 {row.latency} ms",
                f"failed {row.failed}",
                *row.problems,
            ]
            self._say(f"          {row.step}: " + "; ".join(filter(None, parts)))

    # --- private

    def _say(self, line: str) -> None:
        print(line, file=sys.stdout, flush=True)

    def _draw(self) -> RenderableType:
        table = Table(*COLUMNS)
        for row in (*self._rows, self._in_progress()):
            if row:
                style = "red" if not row.is_good else "dim" if row not in self._rows else ""
                table.add_row(row.step, row.wanted, row.seen, row.shadow, row.latency, str(row.failed), style=style)
        now = time.monotonic()
        doing = f"{self._doing} … {now - self._since:.0f} s" if self._doing else ""
        return Group(table, Text(doing), Text(self._footer(), style="dim"))
