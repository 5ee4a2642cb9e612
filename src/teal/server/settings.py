"""What can be set for a server: from arguments of `teal up`, else from TEAL_* variables, else the default.

Called by server/commands.py; docs/settings.md says the same to people.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from teal.server.errors import SettingRefused

DEFAULT_DATA_DIR = "~/.teal"
DEFAULT_PORT = 7443
DEFAULT_GATEWAY_PORT = 7080


def count_gateway_threads(processors: int | None = None) -> int:
    """Half of those this process may use. The rest is for instances and their callers, on the same machine: as many
    threads as processors spend more time on each request, and get in each other's way."""
    if processors is None:
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, processors // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A port of None means: the one this data directory had last time, else the default; 0 means any free one."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int | None = None
    gateway_port: int | None = None
    workspaces: str = "auto"
    python_mode: str = "nearest"
    gateway_threads: int = field(default_factory=count_gateway_threads)
    drain_s: float = 10.0
    gateway_certificate: Path | None = None
    gateway_key: Path | None = None
    gateway_domain: str | None = None
    access_log: str = "on"
    max_connections: int = 20_000
    max_mirrored_body_mib: int = 16
    quotas: str = "none"
    max_requests_per_second: int | None = None
    max_requests_in_hand: int | None = None
    max_bandwidth_kib_per_second: int | None = None
    max_request_bytes: int | None = None
    max_deployments_per_endpoint: int | None = None
    max_instances_per_deployment: int | None = None
    max_endpoints: int | None = None
    max_deployments: int | None = None
    tracking_python: Path | None = None
    tracking_idle_s: float = 1800.0
    log_level: str = "info"


CHOICES: Mapping[str, tuple[str, ...]] = {
    "workspaces": ("auto", "manual"),
    "python_mode": ("nearest", "exact"),
    "access_log": ("on", "off"),
    "quotas": ("azure", "none"),
    "log_level": ("debug", "info", "warning", "error"),
}
"""`workspaces` auto: a workspace is made when it is named for the first time. `python_mode`: what to do when the
Python that an environment pins is not on this machine (design D5). `quotas`: what an endpoint may use that does not say
so itself; the limits below it are single values over that profile."""


def variable_of(name: str) -> str:
    return f"TEAL_{name.upper()}"


def load_settings(environ: Mapping[str, str] | None = None, **given: object) -> Settings:
    """The settings of a server; arguments of None count as not given."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {"data_dir": DEFAULT_DATA_DIR}
    for setting in fields(Settings):
        text = environ.get(variable_of(setting.name))
        value = given.get(setting.name)
        if value is not None:
            values[setting.name] = value
        elif text:
            values[setting.name] = text
    settings = Settings(**{name: _PARSERS[name](name, str(value)) for name, value in values.items()})
    if (settings.gateway_certificate is None) != (settings.gateway_key is None):
        raise SettingRefused(f"{_call('gateway_certificate')} and {_call('gateway_key')} go together.")
    return settings


# --- private

_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _parse_path(_: str, text: str) -> Path:
    return Path(os.path.abspath(Path(text).expanduser()))


def _parse_port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise SettingRefused(f"{_call(name)} must be a port from 0 to 65535, not '{text}'.")
    return int(text)


def _parse_count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise SettingRefused(f"{_call(name)} must be a whole number of at least 1, not '{text}'.")
    return int(text)


def _parse_domain(name: str, text: str) -> str:
    if not _DOMAIN.fullmatch(text.lower()):
        raise SettingRefused(f"{_call(name)} must be a domain such as models.example.com, not '{text}'.")
    return text.lower()


def _parse_seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400:
        raise SettingRefused(f"{_call(name)} must be a number of seconds from 0 to 86400, not '{text}'.")
    return value


def _parse_choice(name: str, text: str) -> str:
    if text.lower() not in CHOICES[name]:
        raise SettingRefused(f"{_call(name)} must be one of {', '.join(CHOICES[name])}, not '{text}'.")
    return text.lower()


def _call(name: str) -> str:
    return f"{name} ({variable_of(name)})"


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "data_dir": _parse_path,
    "host": lambda _, text: text,
    "port": _parse_port,
    "gateway_port": _parse_port,
    "gateway_threads": _parse_count,
    "drain_s": _parse_seconds,
    "gateway_certificate": _parse_path,
    "gateway_key": _parse_path,
    "tracking_python": _parse_path,
    "tracking_idle_s": _parse_seconds,
    "gateway_domain": _parse_domain,
    "max_connections": _parse_count,
    "max_mirrored_body_mib": _parse_count,
    "max_requests_per_second": _parse_count,
    "max_requests_in_hand": _parse_count,
    "max_bandwidth_kib_per_second": _parse_count,
    "max_request_bytes": _parse_count,
    "max_deployments_per_endpoint": _parse_count,
    "max_instances_per_deployment": _parse_count,
    "max_endpoints": _parse_count,
    "max_deployments": _parse_count,
    **dict.fromkeys(CHOICES, _parse_choice),
}
