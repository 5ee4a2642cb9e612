"""Arguments and environment variables into one value. Used by __main__; names as in the reference server
(spec: azureml-inference-server-http, "Start-up parameters" and "Environment variables")."""

import argparse
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .failures import BadArguments, BadSettings

DEFAULT_PORT = 5001
DEFAULT_SCORING_TIMEOUT_MS = 3_600_000
DEFAULT_STOP_GRACE_S = 180.0
"""Azure's longest request timeout: whatever was in hand may still be answered."""


@dataclass(frozen=True)
class Settings:
    """Everything the process was told. Frozen: nothing is read from the environment later."""

    entry_script: str | None
    app_root: Path
    source_directory: str | None = None
    model_dir: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    worker_count: int = 1
    scoring_timeout_ms: int = DEFAULT_SCORING_TIMEOUT_MS
    max_concurrent: int = 1
    stop_grace_s: float = DEFAULT_STOP_GRACE_S
    report_path: Path | None = None
    deployment: str = ""
    shows_version: bool = True
    cors_origins: tuple[str, ...] = ()

    @property
    def max_concurrent_per_worker(self) -> int:
        """The instance's limit shared out. With as many workers as the limit, each calls `run()` from one thread."""
        return -(-self.max_concurrent // self.worker_count)


def parse_settings(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Settings:
    """The command line wins over the environment. Raises BadSettings."""
    arguments = _parser().parse_args(argv)
    app_root = Path(environ.get("AML_APP_ROOT") or cwd).absolute()
    worker_count = arguments.worker_count
    if worker_count is None:
        worker_count = _parse_int("WORKER_COUNT", environ, 1)
    origins = arguments.access_control_allow_origins or environ.get("AML_CORS_ORIGINS", "")
    report = environ.get("TEAL_SCORING_REPORT")
    return Settings(
        entry_script=arguments.entry_script or environ.get("AZUREML_ENTRY_SCRIPT") or None,
        app_root=app_root,
        source_directory=environ.get("AZUREML_SOURCE_DIRECTORY") or None,
        model_dir=arguments.model_dir or environ.get("AZUREML_MODEL_DIR") or None,
        host=_parse_host(arguments.host),
        port=_in_range("--port", arguments.port, 1, 65535),
        worker_count=_in_range("WORKER_COUNT", worker_count, 1, 1024),
        scoring_timeout_ms=_parse_int("SCORING_TIMEOUT_MS", environ, DEFAULT_SCORING_TIMEOUT_MS),
        max_concurrent=_parse_int("TEAL_MAX_CONCURRENT", environ, 1),
        stop_grace_s=_parse_float("TEAL_STOP_GRACE_S", environ, DEFAULT_STOP_GRACE_S),
        report_path=Path(report) if report else None,
        deployment=environ.get("TEAL_DEPLOYMENT", ""),
        shows_version=_parse_bool("SERVER_VERSION_LOG_RESPONSE_ENABLED", environ, True),
        cors_origins=tuple(origin.strip() for origin in origins.split(",") if origin.strip()),
    )


# --- private


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadArguments(f"{self.prog}: {message}", hint="python -m teal_scoring --help lists what can be given.")


def _parser() -> _Parser:
    parser = _Parser(prog="teal-scoring", allow_abbrev=False, description="Serve a score.py over HTTP.")
    parser.add_argument("--entry_script", help="path of score.py, relative to AML_APP_ROOT or absolute")
    parser.add_argument("--model_dir", help="value of AZUREML_MODEL_DIR for the script")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")
    parser.add_argument("--worker_count", type=int, help="number of processes (default: WORKER_COUNT or 1)")
    parser.add_argument("--access_control_allow_origins", help="comma-separated list of origins for CORS")
    return parser


def _parse_host(text: str) -> str:
    name = "127.0.0.1" if text == "localhost" else text
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        raise BadSettings(f"--host must be an IP address, not {text!r}") from None


def _parse_int(name: str, environ: Mapping[str, str], default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise BadSettings(f"{name} must be a whole number, not {text!r}") from None
    return _in_range(name, value, 1, 2**31)


def _parse_float(name: str, environ: Mapping[str, str], default: float) -> float:
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        raise BadSettings(f"{name} must be a number, not {text!r}") from None
    if not 0 <= value < 1e9:
        raise BadSettings(f"{name} must be a number of seconds, not {text!r}")
    return value


def _parse_bool(name: str, environ: Mapping[str, str], default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in {"true", "1", "yes", "on"}:
        return True
    if text in {"false", "0", "no", "off"}:
        return False
    raise BadSettings(f"{name} must be true or false, not {text!r}")


def _in_range(name: str, value: int, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise BadSettings(f"{name} must lie between {lowest} and {highest}, not be {value}")
    return value
