"""Either side may die: Envoy serves on without a control plane, and comes back with everything after a kill."""

import asyncio
import os
import resource
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import pytest

from teal.gateway import admin, envoy_command, envoy_process, running_envoy, shared_listening
from teal.gateway.errors import EnvoyNotAvailable, EnvoyNotStarted, PortTaken, RunDirTooLong
from teal.gateway.gateway import Gateway
from teal.gateway.handover import can_lend
from teal.gateway.pid_file import load_record
from tests.harness.envoy import (
    WITHIN_S,
    GatewayBed,
    build_endpoint,
    build_target,
    running_gateway,
    running_load,
)
from tests.harness.ports import free_port
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until

shares_sockets = pytest.mark.skipif(not can_lend(), reason="Envoys of this system do not share a socket")


@dataclass
class Scene:
    bed: GatewayBed
    blue: Upstream
    green: Upstream

    @property
    def pid(self) -> int:
        pid = self.bed.gateway.envoy_pid
        assert pid is not None
        return pid

    async def hold(self) -> asyncio.Task[httpx.Response]:
        """A request that blue has in its hands, for as long as that takes; and no connection is left behind it."""
        await self.bed.publish(build_endpoint(build_target(self.blue, request_timeout_ms=60_000)))
        held = asyncio.create_task(self.bed.score("/hold", headers={"connection": "close"}))
        await wait_until(lambda: self.blue.received)
        return held

    async def count_accepted(self) -> dict[str, int]:
        """How many responses Envoy has taken, by kind."""
        stats = await self.bed.admin("/stats?format=json&filter=(cds|scoped_rds|rds).*update_success")
        return {stat["name"]: stat["value"] for stat in stats["stats"]}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        blue = await stack.enter_async_context(running_upstream("blue"))
        green = await stack.enter_async_context(running_upstream("green"))
        models = build_endpoint(build_target(blue)), build_endpoint(build_target(blue), name="other")
        yield Scene(await stack.enter_async_context(running_gateway(*models)), blue, green)


async def test_envoy_serves_on_while_the_control_plane_is_away_and_is_adopted_when_it_is_back(scene: Scene) -> None:
    pid = scene.pid
    other = build_endpoint(build_target(scene.blue), name="other")
    async with running_load(scene.bed) as load:
        await scene.bed.gateway.stop(keep_envoy=True)
        await load.more(50)
        changed = build_endpoint(build_target(scene.green), build_target(scene.blue))
        await scene.bed.restart_control_plane(changed, other)
        assert (await scene.bed.gateway.wait_in_force("orders", changed.version, WITHIN_S)).rejected is None
        await load.more(50)
    assert load.bad == []
    assert scene.pid == pid
    assert (await scene.bed.score()).json()["name"] == "green"


async def test_nothing_is_taken_away_before_the_new_control_plane_knows_everything(scene: Scene) -> None:
    async with running_load(scene.bed) as load:
        other = build_endpoint(build_target(scene.blue, max_in_flight=5), name="other")
        await scene.bed.restart_control_plane(other, complete=False)
        await scene.bed.gateway.wait_in_force("other", other.version, WITHIN_S)
        await load.more(50)
        assert scene.bed.gateway.in_force("orders").version is None
        orders = build_endpoint(build_target(scene.blue))
        await scene.bed.publish(orders)
        scene.bed.gateway.set_complete()
        await load.more(50)
    assert load.bad == []


async def test_what_is_gone_after_a_restart_is_removed_and_what_is_unchanged_not_sent_again(scene: Scene) -> None:
    before = await scene.count_accepted()
    other = build_endpoint(build_target(scene.blue), name="other")
    await scene.bed.restart_control_plane(other)
    await scene.bed.gateway.wait_in_force("other", other.version, WITHIN_S)

    async def is_removed() -> bool:
        return (await scene.bed.score()).status_code == 404

    await wait_until(is_removed)
    assert (await scene.bed.score(endpoint="other")).status_code == 200
    names = {status["name"] for status in (await scene.bed.admin("/clusters?format=json"))["cluster_statuses"]}
    assert {name for name in names if "/" in name} == {"other/blue"}
    after = await scene.count_accepted()
    assert after["http.gateway.rds.other.update_success"] == before["http.gateway.rds.other.update_success"]


async def test_a_withdrawal_is_not_settled_while_no_gateway_has_answered(scene: Scene) -> None:
    await scene.bed.gateway.stop(keep_envoy=True)
    gateway = scene.bed.gateway = Gateway(scene.bed.settings)
    gateway.withdraw("orders")
    assert gateway.in_force("orders").pending
    await gateway.start()
    assert (await gateway.wait_in_force("orders", None, WITHIN_S)).version is None
    assert (await scene.bed.score()).status_code == 404


@pytest.mark.parametrize("adopted", [False, True])
async def test_a_killed_envoy_comes_back_with_everything(scene: Scene, adopted: bool) -> None:
    models = build_endpoint(build_target(scene.blue)), build_endpoint(build_target(scene.blue), name="other")
    if adopted:
        await scene.bed.restart_control_plane(*models)
    killed = scene.pid
    os.kill(killed, signal.SIGKILL)
    await wait_until(lambda: scene.bed.gateway.envoy_pid not in (None, killed), WITHIN_S)
    await scene.bed.wait_listening()
    for model in models:
        assert (await scene.bed.score(endpoint=model.name)).status_code == 200
        assert (await scene.bed.gateway.wait_in_force(model.name, model.version, WITHIN_S)).rejected is None


async def test_no_request_is_answered_with_404_while_a_starting_envoy_learns_its_endpoints(scene: Scene) -> None:
    for number in range(30):
        scene.bed.gateway.publish(build_endpoint(build_target(scene.blue), name=f"more-{number}"))
    os.kill(scene.pid, signal.SIGKILL)
    seen: set[int] = set()

    async def answers() -> bool:
        try:
            seen.add((await scene.bed.score(endpoint="more-29")).status_code)
        except httpx.TransportError:
            return False
        return True

    await wait_until(answers, WITHIN_S)
    assert seen == {200}


@shares_sockets
async def test_envoy_started_with_other_settings_is_replaced_and_nobody_notices(scene: Scene) -> None:
    old = scene.pid
    before = (await scene.bed.gateway.observe_requests("orders"))["blue"].requests_total
    held = await scene.hold()
    async with running_load(scene.bed) as load:
        await load.more(50)
        scene.bed.settings = replace(scene.bed.settings, max_connections=1000)
        await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
        assert scene.pid != old
        assert scene.bed.gateway.envoy_pids == [scene.pid, old]
        await scene.bed.wait_listening()
        await load.more(50)
        assert await scene.bed.gateway.observe_in_flight("orders") != {}
        # In force is what both of them do.
        changed = build_endpoint(build_target(scene.green), build_target(scene.blue))
        await scene.bed.publish(changed)
        start = len(load.answers)
        await load.more(100)
        assert load.deployments_since(start + 8) == {"green"}
        # The old one waits for this; then it leaves, and what it has counted stays.
        assert psutil.pid_exists(old)
        scene.blue.released.set()
        assert (await held).status_code == 200
        await wait_until(lambda: scene.bed.gateway.envoy_pids == [scene.pid], WITHIN_S)
    assert load.bad == []
    total = await scene.bed.gateway.observe_requests("orders")
    assert total["blue"].requests_total + total["green"].requests_total == before + len(load.answers) + 1
    await wait_until(lambda: not scene.bed.settings.list_leaving_files())


@shares_sockets
async def test_an_envoy_that_was_being_replaced_when_the_control_plane_was_killed_still_leaves(scene: Scene) -> None:
    old = scene.pid
    model = build_endpoint(build_target(scene.blue))
    held = await scene.hold()
    scene.bed.settings = replace(scene.bed.settings, max_connections=1000)
    await scene.bed.restart_control_plane(model, complete=False)
    new = scene.pid
    async with running_load(scene.bed) as load:
        await load.more(20)
        await scene.bed.restart_control_plane(model)
        assert scene.bed.gateway.envoy_pids == [new, old]
        await scene.bed.wait_listening()
        await load.more(20)
        scene.blue.released.set()
        assert (await held).status_code == 200
        await wait_until(lambda: scene.bed.gateway.envoy_pids == [new], WITHIN_S)
    assert load.bad == []


@shares_sockets
@pytest.mark.parametrize("late", ["new", "old"])
async def test_a_change_is_not_in_force_before_every_envoy_has_come_back(scene: Scene, late: str) -> None:
    old = scene.pid
    model = build_endpoint(build_target(scene.blue))
    held = await scene.hold()
    scene.bed.settings = replace(scene.bed.settings, max_connections=1000)
    await scene.bed.restart_control_plane(model)
    await scene.bed.wait_listening()
    pids = {"new": scene.pid, "old": old}
    os.kill(pids[late], signal.SIGSTOP)
    try:
        await scene.bed.restart_control_plane(model)
        gateway = scene.bed.gateway
        await wait_until(lambda: len(gateway._publications.connected) == 1, WITHIN_S)
        changed = build_endpoint(build_target(scene.green))
        gateway.publish(changed)
        with pytest.raises(TimeoutError):
            await gateway.wait_in_force("orders", changed.version, 1.0)
        assert gateway.in_force("orders").version is None
    finally:
        os.kill(pids[late], signal.SIGCONT)
    assert (await gateway.wait_in_force("orders", changed.version, WITHIN_S)).rejected is None
    scene.blue.released.set()
    assert (await held).status_code == 200


@shares_sockets
@pytest.mark.parametrize("moves", [False, True])
async def test_an_envoy_whose_listener_is_of_another_kind_leaves_with_what_it_has(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    old = scene.pid
    held = await scene.hold()
    monkeypatch.setattr(envoy_process, "describe_contract", lambda: "another")
    port = free_port() if moves else scene.bed.settings.port
    scene.bed.settings = replace(scene.bed.settings, max_connections=1000, port=port)
    await scene.bed.restart_control_plane()
    # Were it told of this withdrawal, it would have to answer first.
    scene.bed.gateway.withdraw("orders")
    await scene.bed.wait_listening()
    assert (await scene.bed.gateway.wait_in_force("orders", None, WITHIN_S)).version is None
    assert scene.bed.gateway.envoy_pids == [scene.pid, old]
    has = await scene.bed.ask(scene.bed.settings.admin_socket_of(1), "/clusters?format=json")
    assert "orders/blue" in {status["name"] for status in has["cluster_statuses"]}
    scene.blue.released.set()
    assert (await held).status_code == 200
    await wait_until(lambda: scene.bed.gateway.envoy_pids == [scene.pid], WITHIN_S)


@shares_sockets
async def test_a_stop_ends_an_envoy_that_was_leaving_too(scene: Scene) -> None:
    held = await scene.hold()
    scene.bed.settings = replace(scene.bed.settings, max_connections=1000, drain_s=0.1)
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    await scene.bed.wait_listening()
    pids = scene.bed.gateway.envoy_pids
    assert len(pids) == 2
    await scene.bed.gateway.stop()
    with pytest.raises(httpx.TransportError):
        await held
    await wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert {path.name for path in scene.bed.settings.run_dir.iterdir()} == {"envoy.json", "envoy.log"}


@shares_sockets
async def test_a_stop_ends_an_envoy_that_was_just_being_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    is_begun = asyncio.Event()

    async def hesitate(self: running_envoy.RunningEnvoy) -> bool:
        if not is_begun.is_set():
            is_begun.set()
            await asyncio.Event().wait()
        return True

    monkeypatch.setattr(running_envoy.RunningEnvoy, "_drain", hesitate)
    scene.bed.settings = replace(scene.bed.settings, max_connections=1000)
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    pids = scene.bed.gateway.envoy_pids
    await scene.bed.wait_listening()
    await wait_until(is_begun.is_set, WITHIN_S)
    await scene.bed.gateway.stop()
    await wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert not scene.bed.settings.list_leaving_files()


@pytest.mark.parametrize("error", [EnvoyNotStarted("too many processes"), OSError("no memory")])
async def test_an_envoy_that_could_not_be_launched_leaves_nothing_behind(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(argv: list[str], log_file: Path) -> int:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(envoy_process, "launch", refuse)
        os.kill(scene.pid, signal.SIGKILL)
        await wait_until(lambda: str(error) in (scene.bed.gateway.problem or ""))
        await wait_until(lambda: not list(scene.bed.settings.run_dir.glob("e_parent_*")))
    await scene.bed.wait_listening()


async def test_the_port_can_change_and_who_is_connected_to_the_old_one_is_served_to_the_end(scene: Scene) -> None:
    old_port, new_port = scene.bed.settings.port, free_port()
    held = await scene.hold()
    scene.bed.settings = replace(scene.bed.settings, port=new_port)
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    await scene.bed.wait_listening()
    url = f"http://127.0.0.1:{new_port}/endpoints/orders/score"
    assert (await scene.bed.client.post(url, json={})).status_code == 200
    scene.blue.released.set()
    assert (await held).status_code == 200
    await wait_until(lambda: scene.bed.gateway.envoy_pids == [scene.pid], WITHIN_S)
    listening = await wait_until(lambda: _listen(old_port))
    assert listening is not None
    listening.close()


@shares_sockets
async def test_who_comes_while_a_killed_envoy_is_started_again_waits_and_is_not_refused(scene: Scene) -> None:
    model = build_endpoint(build_target(scene.blue))
    for _ in range(2):
        await scene.bed.gateway.wait_in_force("orders", model.version, WITHIN_S)
        os.kill(scene.pid, signal.SIGKILL)
        await wait_until(lambda: scene.bed.gateway.envoy_pid is None, every_s=0.001)
        answers = await asyncio.gather(*(scene.bed.score(headers={"connection": "close"}) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        # Also when the socket was not this control plane's own.
        await scene.bed.restart_control_plane(model)


@shares_sockets
async def test_a_new_envoy_that_cannot_start_leaves_the_old_one_serving(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, settings = scene.pid, scene.bed.settings
    await scene.bed.gateway.stop(keep_envoy=True)
    with monkeypatch.context() as patched:
        for module in (envoy_command, envoy_process):
            patched.setattr(module, "build_bootstrap_text", lambda *_: '{"no such field": 1}')
        with pytest.raises(EnvoyNotStarted):
            await Gateway(settings).start()
    assert (await scene.bed.score()).status_code == 200
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    assert scene.bed.gateway.envoy_pids == [old]


async def test_an_envoy_that_cannot_hand_over_its_socket_is_ended_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = scene.pid
    await scene.bed.gateway.stop(keep_envoy=True)
    with monkeypatch.context() as patched:
        for module in (envoy_command, shared_listening):
            patched.setattr(module, "can_lend", lambda: False)
        await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
        assert scene.bed.gateway.envoy_pids == [scene.pid]
        assert scene.pid != old
        await scene.bed.wait_listening()
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    assert scene.bed.gateway.envoy_pids == [scene.pid]
    await scene.bed.wait_listening()
    assert (await scene.bed.score()).status_code == 200


async def test_envoy_is_found_again_when_its_pid_file_was_never_written(scene: Scene) -> None:
    old = scene.pid
    scene.bed.settings.pid_file.unlink()
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    assert scene.pid == old


async def test_a_pid_file_that_names_a_stranger_is_not_believed(scene: Scene) -> None:
    await scene.bed.gateway.stop()
    stranger = psutil.Process()
    scene.bed.settings.pid_file.write_text(
        f'{{"pid": {stranger.pid}, "started_at": {stranger.create_time()}, "config": ""}}'
    )
    await scene.bed.restart_control_plane(build_endpoint(build_target(scene.blue)))
    assert scene.pid != stranger.pid


async def test_a_stop_lets_requests_finish_and_leaves_nothing_behind(scene: Scene) -> None:
    pid = scene.pid
    held = asyncio.create_task(scene.bed.score("/hold"))
    await wait_until(lambda: scene.blue.received)
    stopping = asyncio.create_task(scene.bed.gateway.stop())

    async def refuses() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", scene.bed.settings.port)
        except ConnectionError:
            return True
        writer.close()
        return False

    await wait_until(refuses)
    scene.blue.released.set()
    assert (await held).status_code == 200
    await stopping
    await wait_until(lambda: not psutil.pid_exists(pid))
    left = {path.name for path in scene.bed.settings.run_dir.iterdir()}
    assert left == {"envoy.json", "envoy.log"}


async def test_an_envoy_that_hangs_is_ended_all_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_envoy, "TERM_WITHIN_S", 0.2)
    monkeypatch.setattr(admin, "_TIMEOUT_S", 0.2)
    pid = scene.pid
    os.kill(pid, signal.SIGSTOP)
    await scene.bed.gateway.stop()
    await wait_until(lambda: not psutil.pid_exists(pid))


async def test_a_stop_waits_no_longer_than_the_drain_time(scene: Scene) -> None:
    held = asyncio.create_task(scene.bed.score("/hold"))
    await wait_until(lambda: scene.blue.received)
    settings = replace(scene.bed.settings, drain_s=0.2)
    await scene.bed.gateway.stop(keep_envoy=True)
    gateway = Gateway(settings)
    await gateway.start()
    pid = gateway.envoy_pid
    assert pid is not None
    await gateway.stop()
    await wait_until(lambda: not psutil.pid_exists(pid))
    with pytest.raises(httpx.TransportError):
        await held


async def test_a_start_that_is_cancelled_leaves_nothing_behind(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(scene.bed.settings, run_dir=scene.bed.settings.run_dir / "second", port=free_port())
    started = asyncio.Event()

    async def never(_: admin.Admin) -> bool:
        started.set()
        return False

    monkeypatch.setattr(admin.Admin, "is_up", never)
    starting = asyncio.create_task(Gateway(settings).start())
    await started.wait()
    record = load_record(settings.pid_file)
    assert record is not None
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await wait_until(lambda: not psutil.pid_exists(record.pid))
    assert {path.name for path in settings.run_dir.iterdir()} == {"envoy.json"}


async def test_an_envoy_that_does_not_accept_its_start_says_why(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(scene.bed.settings, run_dir=scene.bed.settings.run_dir / "second", port=free_port())
    monkeypatch.setattr(envoy_process, "build_bootstrap_text", lambda *_: '{"no such field": 1}')
    with pytest.raises(EnvoyNotStarted, match="Bootstrap"):
        await Gateway(settings).start()


async def test_an_envoy_that_cannot_come_back_is_said_and_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_none() -> Path:
        raise EnvoyNotAvailable("there is no Envoy")

    with monkeypatch.context() as patched:
        patched.setattr(envoy_process, "find_envoy", find_none)
        os.kill(scene.pid, signal.SIGKILL)
        await wait_until(lambda: "there is no Envoy" in (scene.bed.gateway.problem or ""))
        # Nobody knows for how long: clients are refused and not kept waiting. Others may take the port.
        taken = await wait_until(lambda: _listen(scene.bed.settings.port))
    assert taken is not None
    with taken:
        await wait_until(lambda: str(scene.bed.settings.port) in (scene.bed.gateway.problem or ""))
    await scene.bed.wait_listening()
    await wait_until(lambda: scene.bed.gateway.problem is None)
    assert (await scene.bed.score()).status_code == 200


async def test_a_taken_port_is_said_at_once(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = replace(scene.bed.settings, run_dir=scene.bed.settings.run_dir / "second", port=port)
        gateway = Gateway(settings)
        with pytest.raises(PortTaken, match=str(port)):
            await gateway.start()
    assert not settings.pid_file.exists()


async def test_a_run_directory_too_long_for_sockets_is_said(scene: Scene) -> None:
    settings = replace(scene.bed.settings, run_dir=scene.bed.settings.run_dir / ("long" * 30))
    with pytest.raises(RunDirTooLong):
        await Gateway(settings).start()


async def test_whatever_shows_keys_is_for_this_user_only(scene: Scene) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    settings = scene.bed.settings
    assert mode(settings.run_dir) == 0o700
    handover = list(settings.run_dir.glob("e_*"))
    assert len(handover) == (5 if can_lend() else 0)
    for path in (settings.admin_socket, settings.xds_socket, settings.bootstrap_file, settings.pid_file, *handover):
        assert mode(path) == 0o600, path
    assert mode(settings.log_file) == 0o600


async def test_envoy_is_given_nothing_of_this_process_environment(scene: Scene) -> None:
    assert psutil.Process(scene.pid).environ() == {}


# --- private


def _listen(port: int) -> socket.socket | None:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None


def read_max_open_files(pid: int) -> int | None:
    """Where the system tells it of other processes."""
    limits = Path(f"/proc/{pid}/limits")
    if not limits.exists():
        return None
    line = next(line for line in limits.read_text().splitlines() if line.startswith("Max open files"))
    return int(line.split()[3])


async def test_envoy_may_open_more_files_than_a_shell_allows(blue_alone: Upstream) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        async with running_gateway(build_endpoint(build_target(blue_alone))) as bed:
            assert bed.gateway.envoy_pid is not None
            assert read_max_open_files(bed.gateway.envoy_pid) in (None, min(65_536, before[1]))
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(1024, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def blue_alone() -> AsyncIterator[Upstream]:
    async with running_upstream("blue") as blue:
        yield blue
