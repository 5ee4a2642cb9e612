"""A real store on a file of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from teal.store.database import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "data")
    await store.open()
    yield store
    await store.close()
