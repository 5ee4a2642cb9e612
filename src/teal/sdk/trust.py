"""A bundle of certificates for clients that know one bundle only: what they trusted before, and Teal's own authority.

REQUESTS_CA_BUNDLE replaces the public roots of a whole process (spec/wire.md §1.2), so it has to name a file that holds
both. Used by sdk/exports.py.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from teal.sdk.errors import NotRunning
from teal.sdk.private_files import write_private

#: The variables that name a bundle, the one that counts most first.
BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def write_bundle(path: Path, ca: Path | None, environ: Mapping[str, str]) -> Path:
    """Teal's authority first, then the roots in force so far; written anew each time, so that neither goes stale."""
    own = ""
    if ca is not None:
        try:
            own = ca.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise NotRunning(f"The CA file {ca} cannot be read: {error}", hint="TEAL_CA names it.") from error
    write_private(path, f"{_OURS}\n{own.strip()}\n{_ROOTS}\n{load_roots(environ).strip()}\n")
    return path


def load_roots(environ: Mapping[str, str]) -> str:
    """What a client in this shell trusts without Teal: the bundle somebody set, else certifi's, else the system's."""
    for candidate in _candidates(environ):
        try:
            text = candidate.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.startswith(_OURS):
            # A bundle of an earlier `teal env`: its roots, without the authority of that server.
            text = text.partition(f"\n{_ROOTS}\n")[2]
        if "-----BEGIN" in text:
            return text
    return ""


# --- private

_OURS = "# Written by `teal env`: Teal's own certificate authority,"
_ROOTS = "# and the roots that were trusted before."


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    yield from (Path(environ[name]) for name in BUNDLE_VARIABLES if environ.get(name))
    if find_spec("certifi") is not None:
        import certifi

        yield Path(certifi.where())
    default = ssl.get_default_verify_paths().cafile
    yield from (Path(os.fspath(each)) for each in (default, *SYSTEM_BUNDLES) if each)
