"""No tracked file names a folder of somebody's machine or a package index: both are true in one place only."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INDEX_HOSTS = re.compile(
    r"pypi\.org/simple|files\.pythonhosted\.org|registry *= *.{0,3}https?:|(extra-)?index-url[ =]+https?:",
    re.IGNORECASE,
)
SOMEBODYS_HOME = re.compile(r"/(home|Users)/[A-Za-z0-9_.-]+/")


def test_no_tracked_file_names_a_path_of_this_machine() -> None:
    folders = [f"{folder}/" for folder in (ROOT, Path.home()) if len(folder.parts) > 1]
    named = [
        f"{path}: {line.strip()[:100]}"
        for path, line in tracked_lines()
        if SOMEBODYS_HOME.search(line) or any(folder in line for folder in folders)
    ]
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
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" in content[:8000]:
            continue
        for line in content.decode(errors="replace").splitlines():
            yield name, line
