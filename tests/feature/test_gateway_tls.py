"""TLS and HTTP/2 at the one port, certificates that change under load, and endpoints with a host of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from teal.gateway import listener
from teal.gateway.errors import CertificateUnusable
from teal.gateway.model import Host
from teal.gateway.tls import TlsSettings
from teal.server.ca import CertificateFiles, ensure_certificate
from tests.harness.envoy import KEY, GatewayBed, build_endpoint, build_target, running_gateway
from tests.harness.http2 import request_http2
from tests.harness.raw_http import read_until_closed
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until

DOMAIN = "models.example.com"


@dataclass
class Scene:
    bed: GatewayBed
    blue: Upstream
    files: CertificateFiles

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.files.ca))

    def client(self, **settings: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.bed.settings.port}/endpoints/orders",
            headers={"authorization": f"Bearer {KEY}"},
            verify=self.context,
            **settings,
        )

    async def observe_serial(self) -> str:
        """Of the certificate that a new connection gets."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.bed.settings.port, ssl=self.context)
        certificate = writer.get_extra_info("ssl_object").getpeercert()
        writer.close()
        return str(certificate["serialNumber"])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    files = CertificateFiles(*(tmp_path / name for name in ("ca.pem", "ca.key", "server.pem", "server.key")))
    ensure_certificate(files, [f"*.{DOMAIN}"], datetime.now(UTC))
    tls = TlsSettings(files.certificate, files.key)
    async with (
        running_upstream("blue") as blue,
        running_gateway(build_endpoint(build_target(blue)), tls=tls, host_domain=DOMAIN) as bed,
    ):
        yield Scene(bed, blue, files)


@pytest.mark.parametrize(("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")])
async def test_one_port_speaks_tls_and_plain_and_both_protocols(scene: Scene, http2: bool, version: str) -> None:
    async with scene.client(http2=http2) as client:
        answer = await client.post("/score", json={})
    assert (answer.status_code, answer.http_version) == (200, version)
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"
    assert (await scene.bed.score()).json()["headers"]["x-forwarded-proto"] == "http"


async def test_plain_http2_is_understood_too(scene: Scene) -> None:
    answer = await request_http2(scene.bed.settings.port, "/endpoints/orders/score", {"authorization": f"Bearer {KEY}"})
    assert answer.headers[":status"] == "200"


async def test_a_new_certificate_is_taken_up_and_no_request_notices(scene: Scene) -> None:
    before = await scene.observe_serial()
    answers: list[int] = []
    stopped = asyncio.Event()

    async def work(*, fresh: bool) -> None:
        async with scene.client() as kept:
            while not stopped.is_set():
                if fresh:
                    async with scene.client() as client:
                        answers.append((await client.post("/score", json={})).status_code)
                else:
                    answers.append((await kept.post("/score", json={})).status_code)

    async with asyncio.TaskGroup() as group:
        for fresh in (True, False):
            group.create_task(work(fresh=fresh))
        scene.files.certificate.unlink()
        ensure_certificate(scene.files, [f"*.{DOMAIN}"], datetime.now(UTC) + timedelta(minutes=1))

        async def is_new() -> bool:
            return await scene.observe_serial() != before

        await wait_until(is_new, 15.0)
        more = len(answers) + 50
        await wait_until(lambda: len(answers) >= more)
        stopped.set()
    assert set(answers) == {200}


def issue(scene: Scene, folder: Path, *, ago: timedelta = timedelta()) -> tuple[bytes, bytes]:
    """Another certificate of the same authority, with its key; made as of some time ago."""
    made = CertificateFiles(scene.files.ca, scene.files.ca_key, folder / "other.pem", folder / "other.key")
    ensure_certificate(made, [f"*.{DOMAIN}"], datetime.now(UTC) - ago)
    return made.certificate.read_bytes(), made.key.read_bytes()


@pytest.mark.parametrize("trouble", ["of another key", "expired", "encrypted key", "not text", "nothing"])
async def test_a_pair_that_cannot_serve_is_not_taken_up_and_the_log_says_why(
    scene: Scene, tmp_path: Path, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = await scene.observe_serial()
    certificate, key = issue(scene, tmp_path, ago=timedelta(days=800 if trouble == "expired" else 0))
    certificate, key, words = {
        "of another key": (certificate, scene.files.key.read_bytes(), "is the key of another certificate"),
        "expired": (certificate, key, "has expired on"),
        "encrypted key": (certificate, key.replace(b"PRIVATE", b"ENCRYPTED PRIVATE"), "needs a passphrase"),
        "not text": (b"\x30\x82\xff\xfe", key, "must be text"),
        "nothing": (b"", key, "cannot be read"),
    }[trouble]
    scene.files.key.write_bytes(key)
    scene.files.certificate.write_bytes(certificate)
    await wait_until(lambda: words in caplog.text)
    assert "keeps its old certificate" in caplog.text
    assert await scene.observe_serial() == before


async def test_a_handshake_that_is_never_finished_is_given_up(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_HANDSHAKE_S", 1)
    said = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        scene.context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="127.0.0.1").do_handshake()
    tls = TlsSettings(scene.files.certificate, scene.files.key)
    async with running_gateway(build_endpoint(build_target(scene.blue)), tls=tls) as bed:
        answer = await read_until_closed(bed.settings.port, said.read())
        assert answer.startswith(b"\x16")
        stats = (await bed.admin("/stats?format=json&filter=transport_socket_connect_timeout"))["stats"]
        assert sum(stat["value"] for stat in stats) == 1


async def test_the_key_may_come_after_its_certificate(scene: Scene, tmp_path: Path) -> None:
    before = await scene.observe_serial()
    certificate, key = issue(scene, tmp_path)
    scene.files.certificate.write_bytes(certificate)
    with pytest.raises(CertificateUnusable):
        scene.bed.gateway._tls_secret.update()  # type: ignore[union-attr]
    scene.files.key.write_bytes(key)

    async def is_new() -> bool:
        return await scene.observe_serial() != before

    await wait_until(is_new, 15.0)


async def test_an_expired_certificate_that_is_all_there_is_serves_and_the_log_says_so(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = tmp_path / "only.pem", tmp_path / "only.key"
    for path, content in zip(files, issue(scene, tmp_path, ago=timedelta(days=800)), strict=True):
        path.write_bytes(content)
    async with running_gateway(build_endpoint(build_target(scene.blue)), tls=TlsSettings(*files)) as bed:
        assert (await bed.score()).status_code == 200
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            await asyncio.open_connection("127.0.0.1", bed.settings.port, ssl=scene.context)
        await wait_until(lambda: "its certificate has expired" in caplog.text)


async def test_without_a_usable_certificate_the_gateway_says_so_and_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(CertificateUnusable, match="No such file"):
        async with running_gateway(tls=TlsSettings(tmp_path / "none.pem", tmp_path / "none.key")):
            pass


async def request_host(scene: Scene, name: str, path: str, key: str = KEY) -> httpx.Response:
    """A request to an endpoint's own host, without any DNS."""
    host = f"{name}.{DOMAIN}"
    async with httpx.AsyncClient(verify=scene.context) as client:
        return await client.post(
            f"https://127.0.0.1:{scene.bed.settings.port}{path}",
            json={},
            headers={"authorization": f"Bearer {key}", "host": host},
            extensions={"sni_hostname": host},
        )


async def test_an_endpoint_has_a_host_of_its_own_whose_paths_are_the_instances(scene: Scene) -> None:
    assert (await request_host(scene, "orders", "/score?x=1")).json()["path"] == "/score?x=1"
    assert (await request_host(scene, "orders", "/v2/models")).json()["path"] == "/v2/models"
    assert (await request_host(scene, "orders", "/score", key="wrong")).status_code == 401
    unknown = await request_host(scene, "nobody", "/score")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "EndpointNotFound")


async def test_changes_and_the_end_of_an_endpoint_reach_its_host(scene: Scene) -> None:
    async with running_upstream("green") as green:
        both = build_target(scene.blue), build_target(green)
        await scene.bed.publish(build_endpoint(*both, traffic={"green": 100}))
        assert (await request_host(scene, "orders", "/score")).json()["name"] == "green"
    scene.bed.gateway.withdraw("orders")
    await scene.bed.gateway.wait_in_force("orders", None, 15.0)
    assert (await request_host(scene, "orders", "/score")).status_code == 404


async def test_instances_that_speak_http2_are_spoken_to_in_it(scene: Scene) -> None:
    # A second gateway stands in for the instance; it keeps count of what it is spoken to in.
    async with running_gateway(build_endpoint(build_target(scene.blue), name="inner")) as instance:
        host = Host("inner-1", "127.0.0.1", instance.settings.port)
        target = build_target(scene.blue, deployment="inner", hosts=(host,), http2=True)
        await scene.bed.publish(build_endpoint(target, name="outer"))
        answer = await scene.bed.score("/endpoints/inner/score", endpoint="outer")
        # The outer gateway keeps the key to itself.
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")
        stats = (await instance.admin("/stats?format=json&filter=downstream_rq_http2_total"))["stats"]
        assert sum(stat["value"] for stat in stats) == 1
