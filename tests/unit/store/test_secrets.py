"""The key file: made once, then needed for ever."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from teal.domain.endpoints import EndpointKeys
from teal.store.database import Store, Transaction
from teal.store.endpoints import load_keys, save_endpoint, save_keys
from teal.store.errors import StoreRefused
from teal.store.secrets import load_secrets
from tests.unit.store.entities import ENDPOINT

KEYS = EndpointKeys("primary-key", "secondary-key")


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    """A data directory in which an endpoint's keys are stored."""

    def write(tx: Transaction) -> None:
        save_endpoint(tx, ENDPOINT)
        save_keys(tx, "churn", KEYS)

    store = Store(tmp_path)
    await store.open()
    await store.write(write)
    await store.close()
    return tmp_path


async def open_and_read(data_dir: Path) -> EndpointKeys | None:
    store = Store(data_dir)
    await store.open()
    try:
        return await store.read(lambda tx: load_keys(tx, "churn"))
    finally:
        await store.close()


async def test_keys_are_read_again_after_a_restart(data_dir: Path) -> None:
    assert await open_and_read(data_dir) == KEYS


async def test_a_missing_key_file_is_refused_by_name_and_not_made_again(data_dir: Path) -> None:
    (data_dir / "secret.key").unlink()
    with pytest.raises(StoreRefused, match=r"The key file .*secret\.key is missing") as refused:
        await open_and_read(data_dir)
    assert refused.value.code == "StorageKeyLost"
    assert not (data_dir / "secret.key").exists()


async def test_another_key_file_is_refused_at_the_start(data_dir: Path) -> None:
    (data_dir / "secret.key").write_bytes(Fernet.generate_key())
    with pytest.raises(StoreRefused, match=r"secret\.key is not the one") as refused:
        await Store(data_dir).open()
    assert refused.value.code == "StorageKeyLost"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"not a key", "é".encode(), b"\xff" * 44])
async def test_a_key_file_without_a_key_is_refused(data_dir: Path, content: bytes) -> None:
    (data_dir / "secret.key").write_bytes(content)
    with pytest.raises(StoreRefused, match=r"secret\.key holds no key"):
        await Store(data_dir).open()


async def test_a_key_file_that_cannot_be_read_is_refused_by_name(data_dir: Path) -> None:
    (data_dir / "secret.key").unlink()
    (data_dir / "secret.key").mkdir()
    with pytest.raises(StoreRefused, match=r"cannot read or write .*secret\.key") as refused:
        await Store(data_dir).open()
    assert refused.value.code == "StorageKeyLost"


async def test_a_new_key_on_top_is_used_while_the_old_one_still_opens(data_dir: Path) -> None:
    path = data_dir / "secret.key"
    old, new = path.read_bytes(), Fernet.generate_key()
    path.write_bytes(new + b"\n" + old)
    assert await open_and_read(data_dir) == KEYS
    sealed = load_secrets(path, may_create=False).seal("x")
    assert Fernet(new).decrypt(sealed) == b"x"


async def test_a_key_file_that_was_there_before_the_database_is_used(tmp_path: Path) -> None:
    key = Fernet.generate_key()
    (tmp_path / "secret.key").write_bytes(key)
    store = Store(tmp_path)
    await store.open()
    await store.close()
    assert (tmp_path / "secret.key").read_bytes() == key
