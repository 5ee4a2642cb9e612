"""`config.json`: settings by the names of their environment variables. Found as the reference server finds it; used by
settings.py."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from .failures import BadSettings

KNOWN = frozenset(
    {
        "AML_APP_ROOT", "AZUREML_SOURCE_DIRECTORY", "AZUREML_ENTRY_SCRIPT", "SERVICE_NAME", "WORKSPACE_NAME",
        "SERVICE_PATH_PREFIX", "SERVICE_VERSION", "SCORING_TIMEOUT_MS", "AZUREML_LOG_LEVEL", "AML_APP_INSIGHTS_ENABLED",
        "AML_APP_INSIGHTS_KEY", "AML_MODEL_DC_STORAGE_ENABLED", "APP_INSIGHTS_LOG_RESPONSE_ENABLED", "AML_CORS_ORIGINS",
        "AZUREML_MODEL_DIR", "HOSTNAME", "AZUREML_DEBUG_PORT", "WORKER_COUNT", "WORKER_TIMEOUT",
    }
)  # fmt: skip

logger = logging.getLogger("azmlinfsrv")


def find_config_file(
    named: str | None, environ: Mapping[str, str], app_root: Path, entry_script: str | None, cwd: Path
) -> Path | None:
    """The first there is: the named one, AZUREML_CONFIG_FILE, `config.json` in the app root, or beside the script."""
    candidates = [cwd / given for given in (named, environ.get("AZUREML_CONFIG_FILE")) if given]
    candidates.append(app_root / "config.json")
    if entry_script:
        candidates += [(folder / entry_script).parent / "config.json" for folder in (app_root, cwd)]
    return next((path for path in candidates if path.is_file() and path.stat().st_size), None)


def load_config_file(path: Path) -> dict[str, str]:
    """Raises BadSettings."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"Invalid config file {path}: {error}", "It must be a JSON object.") from error
    if not isinstance(content, dict):
        raise BadSettings(f"Invalid config file {path}: it is no JSON object")
    unknown = sorted(set(content) - KNOWN)
    if unknown:
        logger.warning(
            "Found extra keys in the config file that are not supported by the server.\nExtra keys = %s", unknown
        )
    return {name: _text(value) for name, value in content.items() if name in KNOWN and value is not None}


# --- private


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
