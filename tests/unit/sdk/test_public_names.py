"""What callers import, and that importing `teal` alone stays cheap."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import teal
import teal.entities
import teal.sdk


@pytest.mark.parametrize("name", teal.sdk.__all__)
def test_every_public_name_of_the_sdk_is_there(name: str) -> None:
    assert getattr(teal.sdk, name).__name__ == name


def test_the_package_offers_the_client_and_the_loaders() -> None:
    assert set(teal.__all__) == {
        "MLClient",
        "__version__",
        "env",
        "load_environment",
        "load_model",
        "load_online_deployment",
        "load_online_endpoint",
    }
    for name in teal.__all__:
        assert getattr(teal, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        teal.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        teal.sdk.nothing  # noqa: B018


def test_every_public_name_of_the_sdk_is_documented() -> None:
    written = (Path(__file__).parents[3] / "docs" / "sdk.md").read_text()
    assert not [name for name in teal.sdk.__all__ if f"`{name}`" not in written]


def test_every_entity_is_listed() -> None:
    classes = {name for name, value in vars(teal.entities).items() if inspect.isclass(value)}
    assert classes == set(teal.entities.__all__)


def test_importing_teal_loads_nothing_heavy() -> None:
    code = "import teal, sys; print([m for m in ('httpx', 'yaml', 'rich', 'sqlalchemy', 'grpc') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
