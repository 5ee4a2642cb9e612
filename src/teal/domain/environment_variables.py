"""Environment variables of a deployment: what a process can be given. Called by deployments.py."""

import re
from collections.abc import Mapping

from teal.domain.errors import InvalidInput, Unsupported

MAX_VALUE_BYTES = 100 * 1024
MAX_TOTAL_BYTES = 1024 * 1024
"""Below what Linux takes for one word (128 KiB) and for all of them together (2 MiB)."""


def check_variables(variables: Mapping[str, str]) -> None:
    """Refuse what would only fail when an instance is started."""
    total = 0
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:40]!r} is not a name of an environment variable: it is empty, or has '=' or a NUL in it.",
                target="environment_variables",
            )
        if "\0" in value:
            raise InvalidInput(
                f"The environment variable '{name[:40]}' has a NUL in it.", target="environment_variables"
            )
        if _SECRET.match(value):
            raise Unsupported(
                f"The environment variable '{name[:40]}' names a secret of Azure's, which nobody can look up here.",
                target="environment_variables",
                hint="Give the value itself, or have the scoring script fetch it.",
            )
        size = len(name.encode()) + len(value.encode())
        total += size
        if size > MAX_VALUE_BYTES:
            raise InvalidInput(
                f"The environment variable '{name[:40]}' has {size} bytes; at most {MAX_VALUE_BYTES} can be given.",
                target="environment_variables",
            )
    if total > MAX_TOTAL_BYTES:
        raise InvalidInput(
            f"The environment variables have {total} bytes together; at most {MAX_TOTAL_BYTES} can be given.",
            target="environment_variables",
        )


# --- private

_NAME = re.compile(r"[^=\0]{1,1000}")
_SECRET = re.compile(r"\$\{\{\s*(keyvaultref:|azureml://connections/)", re.IGNORECASE)
"""What Azure's secret injection puts the secret for (`spec/azureml.md` §1.2)."""
