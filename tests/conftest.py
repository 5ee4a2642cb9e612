"""Options of the whole test suite, and how it is shared among several processes (`make test`)."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Begun in this order, and before all others, so that no process has a long one left when the others are done.
LONGEST = (
    "feature/test_soak.py",
    "feature/test_mlflow_models.py",
    "feature/test_heart_example.py",
    "feature/test_server_life.py",
    "feature/test_rollout_under_load.py",
    "feature/test_server_crash.py",
    "feature/test_cli_rollout.py",
    "feature/test_server_refusals.py",
    "feature/test_cli_apply.py",
    "feature/test_cli_env.py",
    "feature/test_gateway_split.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files with what the code says now")


def pytest_configure() -> None:
    # A shell ignores it for what it starts in the background, and whoever a test interrupts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Tests wait for other processes more than they compute."""
    return min(os.cpu_count() or 1, 7) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _find_rank(item.path))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """For sockets: where pytest puts `tmp_path` may be too long for their names."""
    with tempfile.TemporaryDirectory(prefix="teal-", dir="/tmp") as folder:
        yield Path(folder)


# --- private


def _find_rank(path: Path) -> int:
    name = path.relative_to(Path(__file__).parent).as_posix()
    return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (not name.startswith("feature/"))
