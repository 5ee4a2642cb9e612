"""The curated environments of a server: those that Teal knows, and before them those of `environments.yml` in the data
directory. Called by server/assemble.py; docs/environments.md explains the file to people.
"""

from pathlib import Path
from typing import Any

import yaml

from teal.domain.curated import BUILT_IN, Catalogue, CuratedEnvironment
from teal.server.errors import SettingRefused


def load_catalogue(path: Path) -> Catalogue:
    """Of a file that need not be there; refused in one sentence when it cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return BUILT_IN
    except (OSError, UnicodeDecodeError) as error:
        raise SettingRefused(f"The file {path} cannot be read: {error}.") from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingRefused(f"The file {path} is not YAML: {error}.") from None
    entries = content.get("environments") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise SettingRefused(f"The file {path} must have the member 'environments', with a conda_file for each name.")
    own = [_parse_entry(path, name, entry) for name, entry in entries.items()]
    return Catalogue((*own, *BUILT_IN.environments))


# --- private


def _parse_entry(path: Path, name: Any, entry: Any) -> CuratedEnvironment:
    conda_file = entry.get("conda_file") if isinstance(entry, dict) else None
    if isinstance(conda_file, dict):
        conda_file = yaml.safe_dump(conda_file)
    if not isinstance(name, str) or not name.strip("*") or not isinstance(conda_file, str):
        raise SettingRefused(f"In the file {path}, '{name}' needs a conda_file: its text, or its content in place.")
    return CuratedEnvironment(name, conda_file)
