import subprocess

import pytest

from teal.gateway import envoy_binary
from teal.gateway.envoy_binary import find_envoy
from teal.gateway.errors import EnvoyNotAvailable


def test_the_binary_of_the_wheel_is_found_and_runs() -> None:
    said = subprocess.run([find_envoy(), "--version"], capture_output=True, text=True, check=True)
    assert "1.40.0" in said.stdout


@pytest.mark.parametrize("distribution", ["no-such-distribution", "pytest"])
def test_without_a_wheel_for_this_machine_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, distribution: str
) -> None:
    monkeypatch.setattr(envoy_binary, "DISTRIBUTION", distribution)
    with pytest.raises(EnvoyNotAvailable, match="no Envoy for this machine"):
        find_envoy()
