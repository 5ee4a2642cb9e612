"""Requests that nobody would send, made by schemathesis from the served OpenAPI document: no answer is a defect of the
server's, none takes long, and those who come after are served as before. `make fuzz` sends many more."""

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.harness.bodies import put_assets, put_deployment, put_endpoint
from tests.harness.rest import ENDPOINTS, TOKEN, WORKSPACE, RestServer, running_rest

SCHEMATHESIS = Path(__file__).parents[2] / ".venv" / "fuzz" / "bin" / "st"
EXAMPLES = os.environ.get("TEAL_FUZZ_EXAMPLES", "3")
SEED = os.environ.get("TEAL_FUZZ_SEED", "1")


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[RestServer]:
    async with running_rest(tmp_path) as rest:
        await put_assets(rest.client)
        await put_endpoint(rest.client)
        await put_deployment(rest.client, "blue")
        await rest.settle()
        yield rest


@pytest.mark.timeout(0 if "TEAL_FUZZ_EXAMPLES" in os.environ else 180)
async def test_no_request_made_from_the_document_is_the_servers_undoing(rest: RestServer, tmp_path: Path) -> None:
    assert SCHEMATHESIS.exists(), "make test (or make fuzz) makes the environment that this needs"
    before = (await rest.client.get(f"{ENDPOINTS}/diabetes")).json()
    process = await asyncio.create_subprocess_exec(
        SCHEMATHESIS, "run", f"{rest.client.base_url}/openapi.json",
        "-H", f"Authorization: Bearer {TOKEN}", "--tls-verify", str(tmp_path / "ca.pem"),
        "--checks", "not_a_server_error", "--request-timeout", "10", "--phases", "examples,coverage,fuzzing",
        "--max-examples", EXAMPLES, "--seed", SEED, "--warnings", "off", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode(errors="replace")[-20_000:]
    after = await rest.client.get(f"{ENDPOINTS}/diabetes")
    assert after.json()["properties"]["scoringUri"] == before["properties"]["scoringUri"]


async def test_random_bytes_instead_of_requests_do_no_harm(rest: RestServer, tmp_path: Path) -> None:
    source = random.Random(int(SEED))
    words = [
        b"GET ",
        b"PUT ",
        ENDPOINTS.encode(),
        b" HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"Content-Length: ",
        b"-1\r\n",
        b"\r\n",
        b"{",
    ]
    url = httpx.URL(str(rest.client.base_url))
    trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    for _ in range(30):
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=trusted)
        content = b"".join(source.choice([*words, source.randbytes(20)]) for _ in range(12))
        writer.write(content + b"\r\n\r\n")
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(reader.read(100), 0.2)
        writer.close()
    assert (await rest.client.get(WORKSPACE)).status_code == 200
