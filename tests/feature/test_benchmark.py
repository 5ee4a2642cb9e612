"""The benchmark's parts on real servers: the generator counts what was answered, and every target answers the same."""

from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import BODY, answers, instance
from benchmarks.load import Load, run_load
from benchmarks.static_envoy import static_envoy
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until_sync


def test_the_generator_measures_an_instance_alone_and_behind_a_static_envoy(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    alone = Load(port=free_port(), path="/score", headers=headers, body=BODY, connections=4, seconds=0.3)
    proxied = replace(alone, port=free_port())
    with instance(tmp_path, alone), static_envoy(tmp_path, proxied.port, alone.port):
        wait_until_sync(lambda: answers(proxied))
        for load in (alone, proxied):
            result = run_load(load)
            assert result.answered > 0
            assert result.refused == 0
            assert 0 < result.p50_ms <= result.p99_ms
        refused = run_load(replace(alone, path="/nowhere"))
        assert refused.answered == 0
        assert refused.refused > 0
