"""Arguments, environment variables and the configuration file into one value. Used by __main__; names as in the
reference server (azureml-inference-server-http, "Server parameters" and "Environment variables")."""

import argparse
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from .config_file import find_config_file, load_config_file
from .failures import BadArguments, BadSettings

DEFAULT_PORT = 5001
DEFAULT_HEALTH_PORT = 5000
DEFAULT_SCORING_TIMEOUT_MS = 3_600_000
DEFAULT_WORKER_TIMEOUT_S = 300.0
DEFAULT_STOP_GRACE_S = 180.0
"""Azure's longest request timeout: whatever was in hand may still be answered."""
QUEUE_WITHOUT_A_LIMIT = 2048
"""What waits where nobody said how many may run: as many as in the reference server, whose socket holds them."""
DEFAULT_MAX_BODY_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class CaptureSettings:
    """See docs/capture.md."""

    target: str
    sample_rate: float = 1.0
    max_body_bytes: int = 64 * 1024
    max_queue_bytes: int = 32 * 1024 * 1024
    max_file_bytes: int = 1024**3


@dataclass(frozen=True)
class Settings:
    """Everything the process was told. Frozen: nothing is read from the environment later."""

    entry_script: str | None
    app_root: Path
    source_directory: str | None = None
    model_dir: str | None = None
    mlflow_model: Path | None = None
    """The folder of an MLflow model that is served in the place of a script."""
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    health_port: int | None = None
    """A second port for the same routes; None: the scoring port does for probes."""
    worker_count: int = 1
    worker_timeout_s: float = DEFAULT_WORKER_TIMEOUT_S
    """For import and init(); 0: no limit."""
    start_limit_s: float = 0.0
    """What the deployment's probes allow for them; 0: nobody probes."""
    scoring_timeout_ms: int = DEFAULT_SCORING_TIMEOUT_MS
    max_concurrent: int = 1
    max_queued: int = 1
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    stop_grace_s: float = DEFAULT_STOP_GRACE_S
    report_path: Path | None = None
    deployment: str = ""
    shows_version: bool = True
    cors_origins: tuple[str, ...] = ()
    service_name: str = "ML service"
    service_version: str = "1.0"
    service_path_prefix: str = ""
    debug_port: int | None = None
    capture: CaptureSettings | None = None
    config_file: Path | None = None
    wants_app_insights: bool = False
    app_insights_key: str | None = None

    @property
    def max_concurrent_per_worker(self) -> int:
        """The instance's limit shared out. With as many workers as the limit, each calls `run()` from one thread."""
        return -(-self.max_concurrent // self.worker_count)

    @property
    def max_queued_per_worker(self) -> int:
        return -(-self.max_queued // self.worker_count)


def parse_settings(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Settings:
    """The command line wins over the environment, the environment over the configuration file. Raises BadSettings."""
    arguments = _parser().parse_args(argv)
    entry_script = arguments.entry_script or environ.get("AZUREML_ENTRY_SCRIPT")
    given_root = Path(environ.get("AML_APP_ROOT") or cwd).absolute()
    config_file = find_config_file(arguments.config_file, environ, given_root, entry_script, cwd)
    if config_file is not None:
        environ = {**load_config_file(config_file), **environ}
    entry_script = entry_script or environ.get("AZUREML_ENTRY_SCRIPT") or None
    app_root = Path(environ.get("AML_APP_ROOT") or cwd).absolute()
    is_by_hand = not environ.get("TEAL_SCORING_REPORT")
    if (
        is_by_hand
        and not entry_script
        and not arguments.mlflow_model
        and not arguments.config_file
        and not (app_root / "main.py").is_file()
    ):
        raise BadArguments(
            "Either provide an entry_script using --entry_script or provide a path to the configuration file using"
            " --config_file",
            "Without either, main.py in AML_APP_ROOT is the script.",
        )
    start_limit_s = _parse_float("TEAL_START_LIMIT_S", environ, 0.0)
    max_concurrent = _parse_int("TEAL_MAX_CONCURRENT", environ, 1)
    return Settings(
        entry_script=entry_script,
        app_root=app_root,
        source_directory=environ.get("AZUREML_SOURCE_DIRECTORY") or None,
        model_dir=arguments.model_dir or environ.get("AZUREML_MODEL_DIR") or None,
        mlflow_model=Path(arguments.mlflow_model).absolute() if arguments.mlflow_model else None,
        host=_parse_host(arguments.host),
        port=_parse_port("--port", arguments.port, DEFAULT_PORT),
        health_port=_parse_health_port(arguments.health_port, environ),
        worker_count=_parse_worker_count(arguments.worker_count, environ),
        # Where probes say how long a start may take, the reference server's default would only cut it short.
        worker_timeout_s=_parse_float("WORKER_TIMEOUT", environ, 0.0 if start_limit_s else DEFAULT_WORKER_TIMEOUT_S),
        start_limit_s=start_limit_s,
        scoring_timeout_ms=_parse_int("SCORING_TIMEOUT_MS", environ, DEFAULT_SCORING_TIMEOUT_MS, lowest=0) or 2**31,
        max_concurrent=max_concurrent,
        max_queued=max_concurrent if environ.get("TEAL_MAX_CONCURRENT") else QUEUE_WITHOUT_A_LIMIT,
        max_body_bytes=_parse_int("TEAL_MAX_BODY_BYTES", environ, DEFAULT_MAX_BODY_BYTES, 2**40),
        stop_grace_s=_parse_float("TEAL_STOP_GRACE_S", environ, DEFAULT_STOP_GRACE_S),
        report_path=Path(environ["TEAL_SCORING_REPORT"]) if environ.get("TEAL_SCORING_REPORT") else None,
        deployment=environ.get("TEAL_DEPLOYMENT", ""),
        shows_version=environ.get("SERVER_VERSION_LOG_RESPONSE_ENABLED", "true").lower() == "true",
        cors_origins=_split(arguments.access_control_allow_origins or environ.get("AML_CORS_ORIGINS", "")),
        service_name=environ.get("SERVICE_NAME", "ML service"),
        service_version=environ.get("SERVICE_VERSION", "1.0"),
        service_path_prefix=environ.get("SERVICE_PATH_PREFIX", ""),
        debug_port=_parse_int("AZUREML_DEBUG_PORT", environ, 0, 65535, lowest=0) or None,
        capture=_parse_capture(environ),
        config_file=config_file,
        wants_app_insights=arguments.appinsights_instrumentation_key is not None
        or environ.get("AML_APP_INSIGHTS_ENABLED", "").lower() == "true",
        app_insights_key=arguments.appinsights_instrumentation_key or environ.get("AML_APP_INSIGHTS_KEY") or None,
    )


# --- private


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadArguments(f"{self.prog}: {message}", hint="teal-score --help lists what can be given.")


def _parser() -> _Parser:
    parser = _Parser(
        prog="teal-score",
        allow_abbrev=False,
        description="Serve a score.py over HTTP.",
        epilog="Example: teal-score --entry_script score.py --model_dir ./model --port 5001",
    )
    parser.add_argument("--entry_script", help="path of score.py, relative to AML_APP_ROOT or absolute")
    parser.add_argument("--model_dir", help="value of AZUREML_MODEL_DIR for the script")
    parser.add_argument("--mlflow_model", metavar="DIR", help="an MLflow model to serve, in the place of a score.py")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", help=f"port to listen on (default: {DEFAULT_PORT})")
    parser.add_argument(
        "--health_port", help=f"second port, with SEPERATE_HEALTH_ENDPOINT=true (default: {DEFAULT_HEALTH_PORT})"
    )
    parser.add_argument("--worker_count", help="number of processes (default: WORKER_COUNT or 1)")
    parser.add_argument("--access_control_allow_origins", help="comma-separated list of origins for CORS")
    parser.add_argument("--config_file", help="JSON file with settings by their variables' names")
    parser.add_argument("--appinsights_instrumentation_key", help="accepted; Application Insights is not sent to")
    return parser


def _parse_host(text: str) -> str:
    name = "127.0.0.1" if text == "localhost" else text
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        raise BadSettings(f"--host must be an IP address, not {text!r}") from None


def _parse_port(name: str, text: str | None, default: int) -> int:
    return default if text is None else _argument(name, text, 1, 65535)


def _parse_health_port(text: str | None, environ: Mapping[str, str]) -> int | None:
    port = _parse_port("--health_port", text, DEFAULT_HEALTH_PORT)
    return port if environ.get("SEPERATE_HEALTH_ENDPOINT") == "true" else None


def _parse_worker_count(text: str | None, environ: Mapping[str, str]) -> int:
    return _parse_int("WORKER_COUNT", environ, 1, 1024) if text is None else _argument("--worker_count", text, 1, 1024)


def _argument(name: str, text: str, lowest: int, highest: int) -> int:
    if not text.strip().lstrip("+-").isdecimal() or not lowest <= int(text) <= highest:
        raise BadArguments(f"{name} must be a whole number between {lowest} and {highest}, not {text!r}")
    return int(text)


def _parse_capture(environ: Mapping[str, str]) -> CaptureSettings | None:
    target = environ.get("TEAL_CAPTURE_TO", "").strip()
    if not target:
        return None
    rate = _parse_float("TEAL_CAPTURE_SAMPLE_RATE", environ, CaptureSettings.sample_rate)
    if rate > 1:
        raise BadSettings(f"TEAL_CAPTURE_SAMPLE_RATE must lie between 0 and 1, not be {rate:g}")
    return CaptureSettings(
        target,
        rate,
        _parse_int("TEAL_CAPTURE_MAX_BODY_BYTES", environ, CaptureSettings.max_body_bytes, lowest=0),
        _parse_int("TEAL_CAPTURE_QUEUE_BYTES", environ, CaptureSettings.max_queue_bytes),
        _parse_int("TEAL_CAPTURE_MAX_FILE_BYTES", environ, CaptureSettings.max_file_bytes, 2**50),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_int(name: str, environ: Mapping[str, str], default: int, highest: int = 2**31, *, lowest: int = 1) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise BadSettings(f"{name} must be a whole number, not {text!r}") from None
    if not lowest <= value <= highest:
        raise BadSettings(f"{name} must lie between {lowest} and {highest}, not be {value}")
    return value


def _parse_float(name: str, environ: Mapping[str, str], default: float) -> float:
    text = environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        raise BadSettings(f"{name} must be a number, not {text!r}") from None
    if not 0 <= value < 1e9:
        raise BadSettings(f"{name} must be a number from 0 up, not {text!r}")
    return value
