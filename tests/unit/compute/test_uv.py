"""uv's refusals in our words."""

import pytest

from teal.compute.uv import (
    UvRefusal,
    assess_refusal,
    find_unknown_packages,
    format_refusal,
    hide_credentials,
    trim_output,
)

UNRESOLVABLE = """Using Python 3.10.13 environment at: v2
error: No solution found when resolving dependencies
  cause: Because there is no version of six==99 and
         you require six==99, we can conclude that your requirements are unsatisfiable.

hint: something
"""
UNREACHABLE = """error: Request failed after 3 retries in 3.9s
  cause: Failed to fetch: http://127.0.0.1:9/simple/tabulate/
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
BUILD_FAILED = """   Building numpy==1.23.5
error: Failed to build `numpy==1.23.5`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_wheel` failed (exit status: 1)

         [stderr]
         Traceback (most recent call last):
         ModuleNotFoundError: No module named 'distutils'

hint: `distutils` was removed from the standard library in Python 3.12.
"""
UNKNOWN = """error: No solution found when resolving dependencies
  cause: Because not-a-package was not found
         in the package registry and you require not-a-package, we can conclude that …
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (UNRESOLVABLE, UvRefusal.UNRESOLVABLE),
        (UNREACHABLE, UvRefusal.INDEX_UNREACHABLE),
        (BUILD_FAILED, UvRefusal.BUILD_FAILED),
        (UNKNOWN, UvRefusal.PACKAGE_UNKNOWN),
        ("error: Failed to write\n  cause: No space left on device (os error 28)", UvRefusal.DISK_FULL),
        ("error: something new", UvRefusal.OTHER),
    ],
)
def test_refusals_are_told_apart(output: str, expected: UvRefusal) -> None:
    assert assess_refusal(output) is expected


def test_the_sentence_holds_the_innermost_cause() -> None:
    assert format_refusal(UNRESOLVABLE) == (
        "Because there is no version of six==99 and you require six==99, "
        "we can conclude that your requirements are unsatisfiable."
    )
    assert format_refusal(UNREACHABLE) == "Request failed after 3 retries in 3.9s: Connection refused (os error 111)"
    assert format_refusal(BUILD_FAILED) == (
        "Failed to build `numpy==1.23.5`: ModuleNotFoundError: No module named 'distutils' "
        "(`distutils` was removed from the standard library in Python 3.12.)"
    )
    assert format_refusal("error: something new") == "something new"
    assert len(format_refusal("error: " + "long " * 1000)) < 1000


def test_unknown_packages_are_found_over_line_breaks() -> None:
    assert find_unknown_packages(UNKNOWN) == ("not-a-package",)


def test_evidence_is_kept_to_what_somebody_reads() -> None:
    lines = trim_output("noise\nerror: first\n" + "\n".join(f"line {number}" for number in range(1000))).splitlines()
    assert lines[0] == "error: first"
    assert lines[-1] == "line 999"
    assert len(lines) == 61


def test_credentials_of_an_index_are_not_shown() -> None:
    assert hide_credentials("at https://user:secret@index/simple") == "at https://***@index/simple"
