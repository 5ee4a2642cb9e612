"""Names that people give, as parts of an address: what would lead elsewhere is refused before it is sent. Pure; used by
the operations and by sdk/scopes.py."""

import re

from teal.sdk.errors import ValidationError

#: More than any name the server takes.
MAX_NAME_CHARS = 1024
#: They part, end or encode a path; whatever else is in a name is sent as it is.
_LEADS_ELSEWHERE = re.compile(r"[/\\?#\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")


def below(root: str, *parts: object) -> str:
    """`root` and the parts below it, each one segment of the path."""
    return "/".join([root, *(check_name(part) for part in parts)])


def check_name(name: object) -> str:
    """The name as text, or a refusal: `..` and `a/b` would mean something else than a name."""
    text = "" if name is None else str(name)
    if not text.strip():
        raise ValidationError("A name is empty.", target="name")
    if len(text) > MAX_NAME_CHARS:
        raise ValidationError(f"A name of {len(text)} characters is too long: {text[:40]}…", target="name")
    if text in (".", "..") or _LEADS_ELSEWHERE.search(text):
        raise ValidationError(
            f"{text!r} cannot be a name.", hint="Names have none of / \\ ? # and are not . or ..", target="name"
        )
    return text
