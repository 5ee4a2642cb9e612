"""The key that signs the tokens of endpoints: made once, kept in the data directory. Constructed by server/run.py.

A token is a JSON Web Token signed with ES256 (RFC 7515, RFC 7518 §3.4); the gateway checks it by the public half.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from teal.domain.tokens import TokenClaims
from teal.server.errors import DataDirRefused
from teal.server.private_files import write_private

_SIZE = 32


class TokenKey:
    """Signs claims; `jwks` is what a checker needs."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        numbers = key.public_key().public_numbers()
        point = {"crv": "P-256", "kty": "EC", "x": _encode(_to_bytes(numbers.x)), "y": _encode(_to_bytes(numbers.y))}
        # RFC 7638: the digest of the key itself is its name.
        self._id = _encode(hashlib.sha256(_dump(point)).digest())
        self.jwks = json.dumps({"keys": [{**point, "alg": "ES256", "use": "sig", "kid": self._id}]}, sort_keys=True)

    def sign(self, claims: TokenClaims) -> str:
        header = {"alg": "ES256", "typ": "JWT", "kid": self._id}
        body = {
            "iss": claims.issuer,
            "aud": claims.audience,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        signed = f"{_encode(_dump(header))}.{_encode(_dump(body))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encode(_to_bytes(r) + _to_bytes(s))}"


def ensure_token_key(path: Path) -> TokenKey:
    """The key in the file, made on the first start. Deleting the file makes all tokens worthless at the next start."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(path, pem)
        return TokenKey(key)
    try:
        found = serialization.load_pem_private_key(content, password=None)
    except ValueError:
        found = None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise DataDirRefused(f"The file {path} holds no key for tokens; put it back, or remove it to make a new one.")
    return TokenKey(found)


# --- private


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _to_bytes(number: int) -> bytes:
    return number.to_bytes(_SIZE, "big")


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
