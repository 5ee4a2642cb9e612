"""The file of defaults, as knack wants to read it and as `configure` and `account set` write it.

Same sections and keys as the Azure CLI's file; reading never makes a folder, so `--help` works on a read-only home.
"""

import configparser
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teal.sdk.private_files import write_private
from teal.sdk.scopes import config_path

#: Where everything is, as long as nobody says otherwise.
LOCATION = "local"

_UNSET: Any = object()
_TRUE = {"1", "yes", "true", "on"}


class TealConfig:
    """What knack asks its configuration; TEAL_{SECTION}_{OPTION} in the environment wins over the file."""

    defaults_section_name = "defaults"

    def __init__(self, config_dir: str | None = None, config_env_var_prefix: str | None = None) -> None:
        path = config_path()
        self.config_dir = str(path.parent)
        self.use_local_config = False
        self._prefix = config_env_var_prefix or "TEAL"
        self._parser = _read(path)

    def get(self, section: str, option: str, fallback: Any = _UNSET) -> Any:
        from_environment = os.environ.get(f"{self._prefix}_{section}_{option}".upper())
        if from_environment is not None:
            return from_environment
        if fallback is _UNSET:
            return self._parser.get(section, option)
        return self._parser.get(section, option, fallback=fallback)

    def getboolean(self, section: str, option: str, fallback: Any = _UNSET) -> bool:
        return str(self.get(section, option, fallback)).lower() in _TRUE

    def set_to_use_local_config(self, use_local_config: bool) -> None:
        self.use_local_config = use_local_config


def save_defaults(changes: Mapping[str, str]) -> Path:
    """Set defaults; an empty value removes one."""
    return save_values("defaults", changes)


def save_values(section: str, changes: Mapping[str, str]) -> Path:
    """Set values of a section; an empty one is removed. The file is replaced whole, readable by its owner only."""
    path = config_path()
    parser = _read(path)
    if not parser.has_section(section):
        parser.add_section(section)
    for key, value in changes.items():
        if value:
            parser.set(section, key, value)
        else:
            parser.remove_option(section, key)
    written = io.StringIO()
    parser.write(written)
    write_private(path, written.getvalue())
    return path


def load_values() -> dict[str, dict[str, str]]:
    """All that is set, by section."""
    parser = _read(config_path())
    return {section: dict(parser[section]) for section in parser.sections()}


# --- private


def _read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        parser.clear()
    return parser
