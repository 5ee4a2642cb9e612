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


def load_scope(
    subscription: str | None = None,
    group: str | None = None,
    workspace: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Scope:
    """What is given, else what was set as default, else the workspace every server has from the start."""
    defaults = {} if subscription and group and workspace else load_defaults(environ)
    named = (
        subscription or defaults.get("subscription") or DEFAULT_SUBSCRIPTION,
        group or defaults.get("group") or DEFAULT_GROUP,
        workspace or defaults.get("workspace") or DEFAULT_WORKSPACE,
    )
    return Scope(*(check_name(each) for each in named))
