"""One soak: a server of its own, clients that never stop asking, and the steps of a schedule one after the other.
Called by __main__.py and by tests."""

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from soak.bodies import LARGEST_BYTES, Bodies
from soak.clients import Client, Door, Http1Sender, Http2Connections, Http2Sender, Sender, start_clock
from soak.counting import WORKERS
from soak.ledger import Epoch, Event, Ledger
from soak.notes import find_duplicates, find_misled, read_notes
from soak.schedule import FIRST, State, Step
from soak.steps import Steps
from soak.subject import ENDPOINT, Subject
from tests.harness.ports import free_port
from tests.harness.teal import TealServer, teal_server

LISTENERS = 2
HTTP2_LARGEST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard to push. `seconds` bounds the run, however many steps are left."""

    schedule: tuple[Step, ...]
    seed: int
    seconds: float = 3600.0
    http1_clients: int = 8
    http2_clients: int = 4
    pause_s: float = 0.03
    largest_bytes: int = LARGEST_BYTES
    slow_s: float = 2.0
    longest_stream_s: float = 120.0


@dataclass(frozen=True, slots=True)
class SoakResult:
    """What a run has shown."""

    plan: Plan
    ledger: Ledger
    seconds: float


def run_soak(
    plan: Plan,
    folder: Path,
    *,
    start: Callable[[TealServer], object] = lambda server: server.up(),
    say: Callable[[str], None] = lambda _: None,
) -> SoakResult:
    """Run in `folder`, which is empty; nothing of it runs any more afterwards."""
    with teal_server(folder) as server:
        ports = ("--port", str(free_port()), "--gateway-port", str(free_port()))
        _fix_settings(server, ports)
        start(server)
        subject = Subject(server)
        try:
            subject.create(FIRST)
            ledger = Ledger(slow_s=plan.slow_s)
            ledger.begin_epoch(build_epoch(FIRST))
            seconds = asyncio.run(_run(plan, subject, ledger, say))
        finally:
            subject.close()
        notes = tuple(read_notes(subject.notes))
        ledger.duplicated = find_duplicates(notes, ledger.repeatable)
        ledger.misled = find_misled(notes, ledger.answers)
        return SoakResult(plan, ledger, seconds)


def build_epoch(*states: State) -> Epoch:
    """What is right while the endpoint is in one of these states, or on its way from one to the other."""
    is_settled = len(states) == 1 and states[0].sticky
    return Epoch(
        right=frozenset(answer for state in states for answer in state.right_answers),
        named=frozenset(answer for state in states for answer in state.versions.items()),
        nameable=tuple(name for name in states[0].versions if all(name in state.versions for state in states)),
        mirrors=frozenset(name for state in states for name in state.mirror),
        green_share=states[0].traffic.get("green", 0) if is_settled else None,
    )


# --- private


def _fix_settings(server: TealServer, words: tuple[str, ...]) -> None:
    """The same ports at every start, also of one that is started again; and as many workers as splits are judged by."""
    server.environ["TEAL_GATEWAY_THREADS"] = str(WORKERS)
    server.environ["TEAL_PORT"], server.environ["TEAL_GATEWAY_PORT"] = words[1], words[3]


async def _run(plan: Plan, subject: Subject, ledger: Ledger, say: Callable[[str], None]) -> float:
    clock = start_clock()
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        senders = _start_clients(plan, subject, ledger, group, ended, clock)
        try:
            await _apply_steps(plan, subject, ledger, clock, say)
        finally:
            ended.set()
    seconds = clock()
    for sender in senders:
        await sender.close()
    return seconds


def _start_clients(
    plan: Plan,
    subject: Subject,
    ledger: Ledger,
    group: asyncio.TaskGroup,
    ended: asyncio.Event,
    clock: Callable[[], float],
) -> list[Sender]:
    address = urlsplit(str(subject.server.said["gateway_url"]))
    path = f"/endpoints/{ENDPOINT}/score"
    plain = Door(address.hostname or "", address.port or 0, path, subject.key)
    authority = subject.server.data_dir / "ca.pem"
    bodies = Bodies(Random(plan.seed), largest_bytes=plan.largest_bytes)
    small = Bodies(Random(plan.seed + 1), largest_bytes=min(plan.largest_bytes, HTTP2_LARGEST_BYTES))
    shared = [Http2Connections(), Http2Connections()]
    senders: list[Sender] = []
    asking = plan.http1_clients + plan.http2_clients
    for number in range(asking + LISTENERS):
        random = Random(f"{plan.seed}/{number}")
        is_http2 = plan.http1_clients <= number < asking + LISTENERS // 2
        is_tls = number % 2
        sender: Sender = Http2Sender(shared[is_tls]) if is_http2 else Http1Sender(random)
        name = f"{'h2' if is_http2 else 'h1'}{'-tls' if is_tls else ''}-{number}"
        client = Client(
            name,
            number,
            sender,
            replace(plain, tls=_trust(authority, "h2" if is_http2 else "http/1.1")) if is_tls else plain,
            ledger,
            small if is_http2 else bodies,
            random,
            pause_s=plan.pause_s,
            longest_stream_s=plan.longest_stream_s,
            only_listens=number >= asking,
        )
        ledger.clients += 1
        group.create_task(client.run(ended, clock), name=name)
        senders.append(sender)
    return senders


def _trust(authority: Path, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols([protocol])
    return context


async def _apply_steps(
    plan: Plan, subject: Subject, ledger: Ledger, clock: Callable[[], float], say: Callable[[str], None]
) -> None:
    steps = Steps(subject, ledger, clock)
    for number, step in enumerate(plan.schedule, start=1):
        await asyncio.sleep(step.pause_s)
        if clock() > plan.seconds:
            say(f"time is up after {number - 1} steps")
            return
        began = clock()
        ledger.step = step.words
        ledger.begin_epoch(build_epoch(step.before, step.after))
        problem = ""
        try:
            await asyncio.to_thread(steps.apply, step)
        except Exception as error:  # noqa: BLE001 (a step that fails is a finding, and the run goes on)
            problem = f"{type(error).__name__}: {error}"[:500]
        if not problem:
            ledger.begin_epoch(build_epoch(step.after))
        ledger.events.append(Event(step.words, str(step.kind), began, clock(), problem))
        ledger.step = f"after {step.words}"
        say(f"{number:4d}  {clock():7.1f} s  {step.words:32s} {clock() - began:6.2f} s  {problem}")
        if problem:
            return


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="teal-soak-", ignore_cleanup_errors=True)
