"""A REST surface of its own for every test of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.rest import RestServer, running_rest


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[RestServer]:
    async with running_rest(tmp_path) as server:
        yield server
