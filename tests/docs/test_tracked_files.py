"""No tracked file names a folder of somebody's machine or a package index: both are true in one place only."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INDEX_HOSTS = re.compile(
    r"pypi\.org/simple|files\.pythonhosted\.org|registry *= *.{0,3}https?:|(extra-)?index-url[ =]+https?:",
    re.IGNORECASE,
)
FROM_ROOT = r"(?<![\w.~*/})>\]-])"
SOMEBODYS_HOME = re.compile(r"/(home|Users)/[A-Za-z0-9_.-]+/")


def test_no_tracked_file_names_a_path_of_this_machine() -> None:
    common = (Path("/"), Path(tempfile.gettempdir()))
    folders = [folder for folder in (ROOT, Path.home()) if folder not in common]
    # As whole paths: a checkout in a folder called src is not what the middle of another path names.
    machines = re.compile("|".join([SOMEBODYS_HOME.pattern, *(FROM_ROOT + re.escape(f"{one}/") for one in folders)]))
    named = [f"{path}: {line.strip()[:100]}" for path, line in tracked_lines() if machines.search(line)]
    assert not named, "\n".join(named)


def test_no_tracked_file_names_a_package_index() -> None:
    named = [f"{path}: {line.strip()[:100]}" for path, line in tracked_lines() if INDEX_HOSTS.search(line)]
    assert not named, "\n".join(named)


def test_locks_pin_every_package_by_hash() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        packages = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
        assert packages, lock.name
        loose = [text.split()[0] for text in packages if "==" not in text.split()[0] or "--hash=sha256:" not in text]
        assert not loose, f"{lock.name}: {loose}"


# --- private


def tracked_lines() -> Iterator[tuple[str, str]]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing is tracked")
    listed = subprocess.run(
        # Also where the checkout is somebody else's, as that of a build machine may be.
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content[:8000]:
            continue
        for line in content.decode(errors="replace").splitlines():
            yield name, line
