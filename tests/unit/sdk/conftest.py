"""A client over a hand-written server in memory."""

import pytest

from teal.sdk import MLClient
from tests.harness.arm import Arm


@pytest.fixture
def arm() -> Arm:
    return Arm()


@pytest.fixture
def client(arm: Arm, monkeypatch: pytest.MonkeyPatch, tmp_path) -> MLClient:  # type: ignore[no-untyped-def]
    for name in ("TEAL_URL", "TEAL_TOKEN", "TEAL_CA", "TEAL_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEAL_CONFIG_DIR", str(tmp_path / "config"))
    return MLClient(url=arm.base, token="secret", transport=arm.transport)
