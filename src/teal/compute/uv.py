"""Run uv and put its refusals into our words; called by compute/environments.py.

uv prints plain lines when it has no terminal: "Resolved N packages in …", "Downloading NAME (SIZE)", "error: …" with
"  cause: …" lines below.
"""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from uv import find_uv_bin


class UvRefusal(StrEnum):
    """Why uv did not do it, as far as somebody acts differently on it."""

    INDEX_UNREACHABLE = "index unreachable"
    DISK_FULL = "disk full"
    PACKAGE_UNKNOWN = "package unknown"
    UNRESOLVABLE = "unresolvable"
    BUILD_FAILED = "build failed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class UvAnswer:
    """How a run of uv ended."""

    exit_code: int
    output: str


async def run_uv(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str],
    on_line: Callable[[str], None],
    held_fd: int | None = None,
) -> UvAnswer:
    """Run uv to its end, or kill it with all it started when cancelled.

    `held_fd` stays open in it, so that a lock on it outlives a killed server for as long as uv goes on.
    """
    process = await asyncio.create_subprocess_exec(
        find_uv_bin(),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(variables),
        cwd="/",  # uv looks for project settings in the working directory and above
        start_new_session=True,
        pass_fds=() if held_fd is None else (held_fd,),
    )
    lines: list[str] = []
    assert process.stdout is not None
    try:
        # Lines are cut here and not by readline(), whose limit a single long line of a compiler would break.
        rest = ""
        while chunk := await process.stdout.read(65536):
            *whole, rest = (rest + chunk.decode(errors="replace")).split("\n")
            for line in whole:
                lines.append(hide_credentials(line))
                on_line(lines[-1])
        if rest:
            lines.append(hide_credentials(rest))
            on_line(lines[-1])
        return UvAnswer(await process.wait(), "\n".join(lines))
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def assess_refusal(output: str) -> UvRefusal:
    """Which kind of refusal uv's words are."""
    if re.search(r"No space left on device|os error 28\b|Disk quota exceeded", output):
        return UvRefusal.DISK_FULL
    if re.search(r"error sending request|Failed to fetch|tcp connect error|dns error|operation timed out", output):
        return UvRefusal.INDEX_UNREACHABLE
    if find_unknown_packages(output):
        return UvRefusal.PACKAGE_UNKNOWN
    if "No solution found" in output:
        return UvRefusal.UNRESOLVABLE
    if re.search(r"Failed to build|Build backend|Failed to download and build", output):
        return UvRefusal.BUILD_FAILED
    return UvRefusal.OTHER


def find_unknown_packages(output: str) -> tuple[str, ...]:
    """The names that the index does not have."""
    joined = re.sub(r"\s+", " ", output)
    return tuple(dict.fromkeys(re.findall(r"(\S+) was not found in the (?:package registry|provided package)", joined)))


def format_refusal(output: str) -> str:
    """uv's explanation in a sentence or two: what could not be done, and the innermost cause."""
    text, _, hint = output[max(output.find("error: "), 0) :].partition("\nhint: ")
    head, *causes = (" ".join(part.split()) for part in text.removeprefix("error: ").split("  cause: "))
    if head.startswith("No solution found") and causes:
        return _shorten(causes[0])
    last = " ".join((text.strip().splitlines() or [""])[-1].split()).removeprefix("cause: ")
    words = head if not causes or last in head else f"{head}: {last}"
    return _shorten(f"{words} ({' '.join(hint.split())})" if hint else words)


def trim_output(output: str) -> str:
    """The part of the output that explains, at most as many lines as somebody reads."""
    lines = output[max(output.find("error: "), 0) :].strip().splitlines()
    if len(lines) > _MOST_LINES:
        head = _MOST_LINES // 3
        lines = [*lines[:head], "…", *lines[head - _MOST_LINES :]]
    return "\n".join(lines)


def hide_credentials(text: str) -> str:
    """Index addresses may hold a user and a password."""
    return re.sub(r"(://)[^/\s@]+@", r"\1***@", text)


# --- private

_LONGEST_SENTENCE = 800
_MOST_LINES = 60


def _shorten(words: str) -> str:
    return words if len(words) <= _LONGEST_SENTENCE else words[:_LONGEST_SENTENCE].rsplit(" ", 1)[0] + " …"
