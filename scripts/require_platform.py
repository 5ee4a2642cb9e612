"""One sentence and a stop where Envoy has no wheel for this machine; called by the Makefile, standard library only."""

import platform
import sys

PLATFORMS = "Linux with glibc 2.31 or newer on x86-64 or arm64, and macOS 15 or newer on arm64"


def assess_platform(system: str, machine: str, libc: tuple[str, str], macos: str) -> str | None:
    """The reason why Teal cannot run here, or None."""
    if system == "Linux" and machine in {"x86_64", "aarch64"}:
        if libc[0] != "glibc":
            return "this Linux does not use glibc"
        if parse_version(libc[1]) < (2, 31):
            return f"this Linux has glibc {libc[1]}"
        return None
    if system == "Darwin" and machine == "arm64":
        return None if parse_version(macos) >= (15, 0) else f"this is macOS {macos}"
    return f"this is {system} on {machine}"


def parse_version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    return int(major or 0), int(rest.partition(".")[0] or 0)


if __name__ == "__main__":
    reason = assess_platform(platform.system(), platform.machine(), platform.libc_ver(), platform.mac_ver()[0])
    if reason:
        sys.exit(f"Teal runs where its proxy Envoy has a wheel ({PLATFORMS}), and {reason}.")
