"""An instance's own files on a disk that fills up."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from teal.compute.process.directories import InstanceDirectory, Outcome
from teal.domain.failures import Failure


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """A write beyond it is cut off, and the next one fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_has_no_room_leaves_the_one_before_it(tmp_path: Path) -> None:
    directory = InstanceDirectory(tmp_path)
    first = Outcome(1, Failure(code="InstanceExited", message="first"), permanent=False)
    directory.save_outcome(first)
    with files_at_most(64), pytest.raises(OSError, match="too large"):
        directory.save_outcome(Outcome(2, Failure(code="InstanceExited", message="second" * 100), permanent=False))
    assert directory.load_outcome() == first
