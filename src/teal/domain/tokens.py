"""Tokens of `aml_token` endpoints: signed by the server, for one endpoint and for an hour (`spec/azureml.md` §1.11).

Called by api, which hands them out, and by reconcile, which tells the gateway whose to accept.
"""

from dataclasses import dataclass

from teal.domain.endpoints import AuthMode, OnlineEndpoint

ISSUER = "teal"
LIFETIME_S = 3600
REFRESH_AFTER_S = LIFETIME_S // 2


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says; times are epoch seconds. Without an audience it is the caller's own token, made for this
    server and not for one endpoint."""

    audience: str | None
    issued_at: int
    expires_at: int
    refresh_after: int
    issuer: str = ISSUER


def audience_of(endpoint: OnlineEndpoint) -> str:
    """One endpoint, and not a later one of the same name."""
    return f"{endpoint.name}@{int(endpoint.created_at * 1000):x}"


def build_claims(endpoint: OnlineEndpoint, now: float) -> TokenClaims:
    issued_at = int(now)
    return TokenClaims(
        audience=None if endpoint.spec.auth_mode is AuthMode.AAD_TOKEN else audience_of(endpoint),
        issued_at=issued_at,
        expires_at=issued_at + LIFETIME_S,
        refresh_after=issued_at + REFRESH_AFTER_S,
    )
