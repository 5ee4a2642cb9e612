"""Tags, properties and descriptions of endpoints and deployments: how much may be said. Called by endpoints.py and
deployments.py."""

from collections.abc import Mapping

from teal.domain.errors import InvalidInput

MAX_BYTES = 64 * 1024
"""Of each of them; Azure takes 50 tags of 768 characters. Lists hold all of it for every endpoint."""


def check_remarks(description: str | None, tags: Mapping[str, str], properties: Mapping[str, str]) -> None:
    """Refuse what is no remark any more."""
    words = {"tags": tags, "properties": properties, "description": {"": description or ""}}
    for target, said in words.items():
        size = sum(len(name.encode()) + len(value.encode()) for name, value in said.items())
        if size > MAX_BYTES:
            raise InvalidInput(f"{target} has {size} bytes; at most {MAX_BYTES} are kept.", target=target)
