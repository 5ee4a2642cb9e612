"""The benchmark's parts on real servers: the generator counts what was answered, and every target answers the same."""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import benchmarks.mirror.__main__ as mirror
from benchmarks.__main__ import BODY
from benchmarks.load import Load, answers, run_load
from benchmarks.static_envoy import static_envoy
from benchmarks.teal_server import CODE
from tests.harness.ports import free_port
from tests.harness.processes import running_process
from tests.harness.waiting import wait_until_sync


async def test_a_live_client_is_measured_beside_every_shadow_and_every_copy_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = (mirror.Size("1 KB", 1000, 3), mirror.Size(mirror.STREAMED, 1000, 2, pieces=4))
    monkeypatch.setattr(mirror, "SIZES", small)
    with mirror.running_instances() as ports:
        seen = await mirror.measure(ports, rounds=1)
    for shadow, one in seen.items():
        assert one.failed == 0
        assert [len(times) for times in one.latencies_ms.values()] == [3, 2]
        counted = one.counted
        copies = counted.mirrored_total + counted.mirror_dropped_total + counted.mirror_skipped_total
        assert copies == (0 if shadow == mirror.NONE else 5)
    assert mirror.format_table(seen, 1).count("\n| ") == len(mirror.SHADOWS)


def test_the_generator_measures_an_instance_alone_and_behind_a_static_envoy(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    alone = Load(port=free_port(), path="/score", headers=headers, body=BODY, connections=4, seconds=0.3)
    proxied = replace(alone, port=free_port())
    keyed = replace(alone, port=free_port(), headers=headers | {"Authorization": "Bearer right"})
    log = tmp_path / "access.log"
    words: list[str | Path] = [sys.executable, "-m", "teal_scoring", "--host", "127.0.0.1", "--port", str(alone.port)]
    words += ["--entry_script", CODE / "score.py", "--model_dir", tmp_path]
    environment = os.environ | {"TEAL_MAX_CONCURRENT": "16"}
    with (
        running_process(words, log_path=tmp_path / "instance.log", env=environment),
        static_envoy(tmp_path, proxied.port, {alone.port: 100}),
        static_envoy(tmp_path, keyed.port, {alone.port: 100}, key="right", access_log=log),
    ):
        for load in (alone, proxied, keyed):
            wait_until_sync(partial(answers, load))
            result = run_load(load)
            assert result.answered > 0
            assert result.refused == 0
            assert 0 < result.p50_ms <= result.p99_ms
        for load in (replace(alone, path="/nowhere"), replace(keyed, headers=headers)):
            refused = run_load(load)
            assert refused.answered == 0
            assert refused.refused > 0
    assert '"status":401' in log.read_text()
