"""The environment variables that a script may read: what the arguments of the command line mean, and what the reference
server sets besides (azureml-inference-server-http, "merge_configuration"). Used by __main__ and
user_script.py."""

import re
from collections.abc import MutableMapping
from pathlib import Path

from .settings import Settings
from .version import SERVER_VERSION

_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def build_variables(settings: Settings, given: str | None) -> dict[str, str]:
    """`given`: AZUREML_ENTRY_SCRIPT as it was, which is kept where it says the same as the argument."""
    variables = {
        "AML_APP_ROOT": str(settings.app_root),
        "WORKER_COUNT": str(settings.worker_count),
        "SERVER_PORT": str(settings.port),
        "HEALTH_PORT": str(settings.port if settings.health_port is None else settings.health_port),
        "AML_APP_INSIGHTS_ENABLED": "true" if is_app_insights_enabled(settings) else "false",
    }
    if settings.shows_version:
        variables["HTTP_X_MS_SERVER_VERSION"] = SERVER_VERSION
    if settings.entry_script:
        script = settings.entry_script
        variables["AZUREML_ENTRY_SCRIPT"] = (
            script if script == given else str((find_script(script, settings.app_root) or Path(script)).absolute())
        )
    if settings.model_dir:
        variables["AZUREML_MODEL_DIR"] = settings.model_dir
    if settings.config_file is not None:
        variables["AZUREML_CONFIG_FILE"] = str(settings.config_file)
    if settings.app_insights_key is not None:
        variables["AML_APP_INSIGHTS_KEY"] = settings.app_insights_key
    if settings.cors_origins:
        variables["AML_CORS_ORIGINS"] = ", ".join(settings.cors_origins)
    return variables


def apply_variables(settings: Settings, environ: MutableMapping[str, str]) -> None:
    environ.update(build_variables(settings, environ.get("AZUREML_ENTRY_SCRIPT")))


def is_app_insights_enabled(settings: Settings) -> bool:
    """Asked for, and with a key that could be one."""
    return settings.wants_app_insights and has_valid_key(settings)


def has_valid_key(settings: Settings) -> bool:
    return settings.app_insights_key is not None and _KEY.fullmatch(settings.app_insights_key) is not None


def find_script(entry_script: str, app_root: Path) -> Path | None:
    """Where it lies: in the app root, else in the current folder."""
    paths = (folder / entry_script for folder in (app_root, Path.cwd()))
    return next((path for path in paths if path.is_file()), None)
