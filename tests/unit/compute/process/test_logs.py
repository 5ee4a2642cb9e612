"""The last lines of a log that may lie in several files."""

from pathlib import Path

import pytest

from teal.compute.process.logs import append_line, load_tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.2").write_text("one\ntwo\n")
    (tmp_path / "log.1").write_text("three\nfour\nfi")
    (tmp_path / "log").write_text("ve\nsix\n")
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (0, ""),
        (1, "six\n"),
        (2, "five\nsix\n"),  # a line may be cut by the rotation
        (3, "four\nfive\nsix\n"),
        (5, "two\nthree\nfour\nfive\nsix\n"),
        (99, "one\ntwo\nthree\nfour\nfive\nsix\n"),
    ],
)
def test_the_tail_runs_over_rotated_files(log: Path, lines: int, expected: str) -> None:
    assert load_tail(log, lines) == expected


def test_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number} {'x' * 1000}\n" for number in range(1000)))
    assert [line.split()[1] for line in load_tail(log, 200).splitlines()] == [
        str(number) for number in range(800, 1000)
    ]


def test_a_line_that_has_not_ended_counts(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\xff")
    assert load_tail(tmp_path / "log", 1) == "two�"


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert load_tail(tmp_path / "log", 10) == ""


def test_preparation_lines_carry_their_time(tmp_path: Path) -> None:
    append_line(tmp_path / "log", 0.0, "placing files")
    append_line(tmp_path / "log", 61.0, "starting")
    assert (tmp_path / "log").read_text() == "1970-01-01 00:00:00 placing files\n1970-01-01 00:01:01 starting\n"
