"""The key of endpoints' tokens is made once, is for this user only, and its public half checks what it signs."""

import base64
import json
import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from teal.domain.tokens import TokenClaims
from teal.server.errors import DataDirRefused
from teal.server.token_key import ensure_token_key

CLAIMS = TokenClaims(audience="churn@1", issued_at=1, expires_at=3601, refresh_after=1801)


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check(token: str, jwks: str) -> dict[str, object]:
    """The claims of a token, if the only key of the set has signed it."""
    (key,) = json.loads(jwks)["keys"]
    signed, _, signature = token.rpartition(".")
    head, body = (json.loads(decode(part)) for part in signed.split("."))
    assert (head["alg"], head["kid"]) == ("ES256", key["kid"])
    x, y = (int.from_bytes(decode(key[name]), "big") for name in ("x", "y"))
    raw = decode(signature)
    assert len(raw) == 64
    point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    point.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return body  # type: ignore[no-any-return]


def test_a_key_is_made_once_and_signs_for_good(tmp_path: Path) -> None:
    file = tmp_path / "token.key"
    first = ensure_token_key(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = ensure_token_key(file)
    assert again.jwks == first.jwks
    assert check(first.sign(CLAIMS), again.jwks) == {"iss": "teal", "aud": "churn@1", "iat": 1, "exp": 3601}


def test_another_key_does_not_check(tmp_path: Path) -> None:
    token = ensure_token_key(tmp_path / "one").sign(CLAIMS)
    other = json.loads(ensure_token_key(tmp_path / "two").jwks)["keys"][0]
    mine = json.loads(ensure_token_key(tmp_path / "one").jwks)["keys"][0]
    with pytest.raises(InvalidSignature):
        check(token, json.dumps({"keys": [{**other, "kid": mine["kid"]}]}))


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token.key"
    file.write_bytes(content)
    with pytest.raises(DataDirRefused, match="holds no key for tokens"):
        ensure_token_key(file)
    assert file.read_bytes() == content
