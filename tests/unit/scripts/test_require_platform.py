"""Set-up stops with one sentence where Envoy has no wheel."""

import pytest

from scripts.require_platform import assess_platform

GLIBC = ("glibc", "2.36")


@pytest.mark.parametrize(
    ("system", "machine", "libc", "macos"),
    [
        ("Linux", "x86_64", GLIBC, ""),
        ("Linux", "aarch64", ("glibc", "2.31"), ""),
        ("Darwin", "arm64", ("", ""), "15.0"),
        ("Darwin", "arm64", ("", ""), "26.1.2"),
    ],
)
def test_platforms_with_a_wheel_pass(system: str, machine: str, libc: tuple[str, str], macos: str) -> None:
    assert assess_platform(system, machine, libc, macos) is None


@pytest.mark.parametrize(
    ("system", "machine", "libc", "macos", "reason"),
    [
        ("Linux", "x86_64", ("", ""), "", "does not use glibc"),
        ("Linux", "x86_64", ("glibc", "2.28"), "", "has glibc 2.28"),
        ("Linux", "armv7l", GLIBC, "", "Linux on armv7l"),
        ("Darwin", "x86_64", ("", ""), "15.1", "Darwin on x86_64"),
        ("Darwin", "arm64", ("", ""), "14.7.1", "macOS 14.7.1"),
        ("Windows", "AMD64", ("", ""), "", "Windows on AMD64"),
    ],
)
def test_platforms_without_one_are_named(
    system: str, machine: str, libc: tuple[str, str], macos: str, reason: str
) -> None:
    assert reason in str(assess_platform(system, machine, libc, macos))
