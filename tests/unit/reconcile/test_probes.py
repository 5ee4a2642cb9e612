"""Probing real sockets: at once and often until the first good answer, then by the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from teal.domain.probes import ProbeSettings
from teal.reconcile import probes
from teal.reconcile.probes import Prober, ProbeTarget, ask
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

QUICK = ProbeSettings(period_s=0.02, timeout_s=1, failure_threshold=2)


@dataclass
class Instance:
    """An HTTP server that answers every request with `status`, or never when that is None."""

    status: int | None = 200
    port: int = field(default_factory=free_port)
    asked: int = 0
    server: asyncio.Server | None = None
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        if not await reader.readline():
            return
        self.asked += 1
        if self.status is not None:
            writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()

    async def stop(self) -> None:
        if self.server:
            self.status = 200
            # Connections are taken in order: with this one answered, none is left that nobody would close.
            await ask(f"http://127.0.0.1:{self.port}/", 5)
            self.server.close()
        for writer in self.connections:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    instance = Instance()
    yield instance
    await instance.stop()


@pytest.fixture
async def prober(instance: Instance) -> AsyncIterator[Prober]:
    """Closed before the instance is."""
    prober = Prober()
    yield prober
    await prober.close()


def target(instance: Instance, **changes: object) -> ProbeTarget:
    base = ProbeTarget(
        instance_id="i", attempt=1, url=f"http://127.0.0.1:{instance.port}/", readiness=QUICK, liveness=QUICK
    )
    return replace(base, **changes)  # type: ignore[arg-type]


async def test_an_instance_that_says_it_is_ready_is_asked_at_once(
    prober: Prober, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "FIRST_INTERVAL_S", 3600.0)
    instance.status = 503
    await instance.start()
    prober.watch(target(instance))
    await wait_until(lambda: prober.health["i"].readiness.last_failure == "status 503")
    instance.status = 200
    prober.hurry("i")
    await wait_until(lambda: prober.health["i"].readiness.passing)


async def test_an_instance_is_ready_as_soon_as_it_answers_however_long_it_refused_before(
    prober: Prober, instance: Instance
) -> None:
    woken: list[str] = []
    prober.changed = woken.append
    prober.watch(target(instance))
    await wait_until(lambda: prober.health["i"].readiness.last_failure is not None, within_s=5)
    assert prober.health["i"].readiness.passing is None
    await instance.start()
    await wait_until(lambda: prober.health["i"].readiness.passing is True, within_s=5)
    assert woken == ["i"]


async def test_an_instance_that_was_out_of_rotation_when_the_server_started_is_asked_whether_it_lives(
    prober: Prober, instance: Instance
) -> None:
    prober.watch(target(instance, assume_passing=False))
    assert (prober.health["i"].readiness.passing, prober.health["i"].liveness.passing) == (False, True)
    await wait_until(lambda: prober.health["i"].liveness.passing is False, within_s=5)
    await instance.start()
    await wait_until(lambda: prober.health["i"].readiness.passing is True, within_s=5)


async def test_an_instance_that_stops_answering_is_found_out_by_both_probes(prober: Prober, instance: Instance) -> None:
    await instance.start()
    prober.watch(target(instance))
    await wait_until(lambda: prober.health["i"].readiness.passing is True, within_s=5)
    instance.status = 503
    await wait_until(lambda: prober.health["i"].readiness.passing is False, within_s=5)
    await wait_until(lambda: prober.health["i"].liveness.passing is False, within_s=5)
    assert prober.health["i"].readiness.last_failure == "status 503"
    instance.status = 200
    await wait_until(lambda: prober.health["i"].readiness.passing is True, within_s=5)


async def test_no_answer_in_time_counts_as_a_failure(prober: Prober, instance: Instance) -> None:
    instance.status = None
    await instance.start()
    prober.watch(target(instance))
    await wait_until(lambda: prober.health["i"].readiness.last_failure == "no answer within 1 s", within_s=5)


async def test_an_instance_that_was_in_service_before_is_trusted_until_it_fails(
    prober: Prober, instance: Instance
) -> None:
    prober.watch(target(instance, assume_passing=True))
    assert prober.health["i"].readiness.passing is True
    await wait_until(lambda: prober.health["i"].readiness.passing is False, within_s=5)


async def test_readiness_and_liveness_in_one_rhythm_are_one_question(prober: Prober, instance: Instance) -> None:
    await instance.start()
    prober.watch(target(instance, assume_passing=True))
    await wait_until(lambda: prober.health["i"].liveness.successes_in_a_row >= 5)
    health = prober.health["i"]
    assert health.readiness.successes_in_a_row == health.liveness.successes_in_a_row >= instance.asked - 1


async def test_readiness_and_liveness_in_different_rhythms_are_asked_apart(prober: Prober, instance: Instance) -> None:
    await instance.start()
    seldom = replace(QUICK, period_s=3600)
    prober.watch(target(instance, assume_passing=True, liveness=seldom))
    await wait_until(lambda: prober.health["i"].readiness.successes_in_a_row >= 5)
    assert prober.health["i"].liveness.successes_in_a_row == 0


async def test_watching_the_same_attempt_again_changes_nothing_and_another_starts_over(
    prober: Prober, instance: Instance
) -> None:
    await instance.start()
    prober.watch(target(instance))
    await wait_until(lambda: prober.health["i"].readiness.passing is True, within_s=5)
    prober.watch(target(instance, assume_passing=True))
    assert prober.health["i"].readiness.passing is True
    instance.status = 500
    prober.watch(target(instance, attempt=2))
    assert prober.health["i"].readiness.passing is None


async def test_a_forgotten_instance_is_not_asked_again(prober: Prober, instance: Instance) -> None:
    await instance.start()
    prober.watch(target(instance))
    await wait_until(lambda: instance.asked > 2, within_s=5)
    prober.forget("i")
    assert "i" not in prober.health
    asked = instance.asked
    other = Instance()
    await other.start()
    prober.watch(replace(target(other), instance_id="j"))
    await wait_until(lambda: other.asked > 3, within_s=5)
    assert instance.asked <= asked + 1
    await other.stop()


async def test_however_many_instances_there_are_none_waits_for_another_one_to_be_asked(prober: Prober) -> None:
    together = asyncio.Barrier(150)

    async def answer_when_all_have_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await together.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer_when_all_have_asked, "127.0.0.1", 0, backlog=256) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        slow = ProbeSettings(period_s=1000, timeout_s=30)
        for number in range(150):
            prober.watch(ProbeTarget(instance_id=f"i{number}", attempt=1, url=url, readiness=slow, liveness=slow))
        await wait_until(lambda: all(health.readiness.passing for health in prober.health.values()), within_s=20)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\n\r\n", "status 302"),
        (b"hello\r\n", "not an HTTP answer: b'hello\\r\\n'"),
        (b"", "the connection was closed without an answer"),
    ],
)
async def test_only_a_good_answer_is_one(answer: bytes, failure: str | None) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        assert await ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", 5) == failure
