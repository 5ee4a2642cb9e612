"""Endpoints that take tokens: who shows which token gets in, and what everybody else is told."""

import base64
import json
import time
from pathlib import Path

import httpx
import pytest

from teal.domain.tokens import LIFETIME_S, TokenClaims
from teal.server.token_key import TokenKey, ensure_token_key
from tests.harness.envoy import GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.upstreams import running_upstream

AUDIENCE = "orders@1"


@pytest.fixture
def key(tmp_path: Path) -> TokenKey:
    return ensure_token_key(tmp_path / "token.key")


def sign(key: TokenKey, audience: str = AUDIENCE, *, lives_s: float = LIFETIME_S, issuer: str = "teal") -> str:
    now = int(time.time())
    claims = TokenClaims(
        audience=audience, issued_at=now, expires_at=int(now + lives_s), refresh_after=now, issuer=issuer
    )
    return key.sign(claims)


async def ask(bed: GatewayBed, token: str | None, **headers: str) -> httpx.Response:
    authorization = {} if token is None else {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=str(bed.client.base_url)) as stranger:
        return await stranger.post("/endpoints/orders/score", json={}, headers={**authorization, **headers})


async def test_a_token_opens_its_own_endpoint_and_nothing_else_does(key: TokenKey, tmp_path: Path) -> None:
    async with running_upstream("blue") as blue, running_upstream("green") as green:
        model = build_endpoint(
            build_target(blue), build_target(green), traffic={"blue": 50, "green": 50}, keys=(), token_audience=AUDIENCE
        )
        async with running_gateway(model, token_keys=key.jwks) as bed:
            good = sign(key)
            answered = [(await ask(bed, good)).headers["azureml-model-deployment"] for _ in range(10)]
            assert (answered.count("blue"), answered.count("green")) == (5, 5)
            assert (await ask(bed, good, **{"azureml-model-deployment": "none"})).status_code == 404

            head, body, signature = good.split(".")
            claims = json.loads(base64.urlsafe_b64decode(body + "=="))
            forged = (
                base64.urlsafe_b64encode(json.dumps({**claims, "exp": claims["exp"] + 9}).encode()).decode().rstrip("=")
            )
            unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
            stranger = ensure_token_key(tmp_path / "other.key")
            for name, token in {
                "none": None,
                "a word": "word",
                "another endpoint's": sign(key, "orders@2"),
                "expired": sign(key, lives_s=-5),
                "forged": f"{head}.{forged}.{signature}",
                "unsigned": f"{unsigned}.{body}.",
                "another server's": sign(stranger),
                "another issuer's": sign(key, issuer="somebody"),
            }.items():
                answer = await ask(bed, token, **{"azureml-model-deployment": "none"})
                assert answer.status_code == 401, (name, answer.text)
                assert answer.json()["error"]["code"] == "Unauthorized", name
                assert answer.headers["www-authenticate"] == "Bearer", name
                assert answer.headers["x-ms-request-id"], name


async def test_where_the_server_has_no_key_for_tokens_nobody_gets_in(key: TokenKey) -> None:
    async with running_upstream("blue") as blue:
        model = build_endpoint(build_target(blue), keys=(), token_audience=AUDIENCE)
        async with running_gateway(model) as bed:
            assert (await ask(bed, sign(key))).status_code == 401


async def test_keys_and_tokens_are_not_mixed_up(key: TokenKey) -> None:
    async with running_upstream("blue") as blue:
        model = build_endpoint(build_target(blue))
        async with running_gateway(model, token_keys=key.jwks) as bed:
            assert (await ask(bed, sign(key))).status_code == 401
            assert (await bed.score()).status_code == 200
