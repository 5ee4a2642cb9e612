"""Signed blob addresses: a container, what may be done in it and until when, in the query of a URL.

Made by api/datastores.py and api/codes.py, checked by api/authentication.py. Only the standard keys of a shared access
signature appear, because clients take anything else for an account key (`spec/wire.md` §3.2).
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from teal.api.errors import Forbidden

VERSION = "2024-05-04"
ALL_PERMISSIONS = "racwl"


def sign(secret: bytes, container: str, *, permissions: str, expires_at: float) -> str:
    """The query of a signed address of `container`."""
    expiry = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = _compute(secret, container, permissions, expiry)
    return f"sv={VERSION}&sr=c&sp={permissions}&se={quote(expiry, safe='')}&sig={quote(signature, safe='')}"


def check_signature(secret: bytes, container: str, query: Mapping[str, str], *, permission: str, now: float) -> None:
    """Refuse an address whose signature is not ours, has expired, or does not allow any of `permission`."""
    allowed, expiry = query.get("sp", ""), query.get("se", "")
    wanted = _compute(secret, container, allowed, expiry)
    if not hmac.compare_digest(wanted.encode(), query.get("sig", "").encode(errors="replace")):
        raise Forbidden("The signature of this address is not valid for this container.", target="sig")
    # The expiry is in our own form, because it is part of what was signed.
    if datetime.fromisoformat(expiry).timestamp() <= now:
        raise Forbidden(f"This signed address was good until {expiry}.", target="se", hint="Ask for a new one.")
    if not set(permission) & set(allowed):
        raise Forbidden(
            f"This signed address does not allow that: it has the permissions '{allowed}'.",
            code="AuthorizationPermissionMismatch",
            target="sp",
        )


# --- private


def _compute(secret: bytes, container: str, permissions: str, expiry: str) -> str:
    message = "\n".join((VERSION, "c", container, permissions, expiry))
    return base64.b64encode(hmac.digest(secret, message.encode(errors="surrogatepass"), sha256)).decode()
