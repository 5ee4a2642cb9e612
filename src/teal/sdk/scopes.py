"""Which subscription, group and workspace are meant, and the ARM ids below them. Used by every operation.

The defaults are those `teal configure --defaults` keeps, in the same file and under the same keys as the Azure CLI's.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from teal.sdk.paths import check_name

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
DEFAULT_GROUP = "teal"
DEFAULT_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class Scope:
    """One workspace."""

    subscription: str
    group: str
    workspace: str

    @property
    def id(self) -> str:
        """The workspace's ARM id, which is also its path."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """The file of defaults: $TEAL_CONFIG_DIR/config, else ~/.teal/config."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("TEAL_CONFIG_DIR") or "~/.teal").expanduser() / "config"


def load_defaults(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The defaults a person has set: `workspace`, `group`, `location`, `subscription`, where present."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(config_path(environ), encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser["defaults"]) if parser.has_section("defaults") else {}


def load_names(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What commands go by that say nothing: what was set as default, else what `teal env` has passed on to this shell,
    else the workspace every server has from the start."""
    environ = os.environ if environ is None else environ
    defaults = load_defaults(environ)
    return {name: defaults.get(name) or environ.get(variable) or built_in for name, variable, built_in in _PASSED_ON}


def load_scope(
    subscription: str | None = None,
    group: str | None = None,
    workspace: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Scope:
    """What is given, else what commands go by."""
    given = {"subscription": subscription, "group": group, "workspace": workspace}
    names = {} if all(given.values()) else load_names(environ)
    return Scope(**{name: check_name(value or names[name]) for name, value in given.items()})


# --- private

_PASSED_ON = (
    ("subscription", "AZUREML_ARM_SUBSCRIPTION", DEFAULT_SUBSCRIPTION),
    ("group", "AZUREML_ARM_RESOURCEGROUP", DEFAULT_GROUP),
    ("workspace", "AZUREML_ARM_WORKSPACE_NAME", DEFAULT_WORKSPACE),
)
