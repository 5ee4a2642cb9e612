"""Clients that mean harm: refused cleanly, counted, and without a price for others. Small and on this machine only."""

import asyncio
from collections.abc import AsyncIterator, Callable

import h2.config
import h2.connection
import psutil
import pytest

from teal.gateway import connections, routes
from tests.harness.envoy import KEY, GatewayBed, build_endpoint, build_target, running_gateway, running_load
from tests.harness.raw_http import exchange, read_until_closed
from tests.harness.upstreams import Upstream, running_upstream
from tests.harness.waiting import wait_until

HEAD = f"POST /endpoints/orders/score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n".encode()
SMUGGLED = f"GET /endpoints/orders/smuggled HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
GROWTH_BYTES = 48 * 1024 * 1024


@pytest.fixture
async def blue() -> AsyncIterator[Upstream]:
    async with running_upstream("blue") as upstream:
        yield upstream


@pytest.fixture
async def bed(blue: Upstream) -> AsyncIterator[GatewayBed]:
    async with running_gateway(build_endpoint(build_target(blue))) as bed:
        yield bed


async def count(bed: GatewayBed, name: str) -> int:
    stats = (await bed.admin(f"/stats?format=json&filter={name}$"))["stats"]
    return sum(int(stat.get("value", 0)) for stat in stats)


def observe_memory(bed: GatewayBed) -> int:
    pid = bed.gateway.envoy_pid
    assert pid is not None
    return psutil.Process(pid).memory_info().rss


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunked"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", id="chunked and length"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", id="two lengths"),
        pytest.param(b"Content-Length: 5, 6\r\n\r\nhello", id="a list of lengths"),
        pytest.param(b"Content-Length: +5\r\n\r\nhello", id="a signed length"),
        pytest.param(b"Content-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(b"Content-Length: 0x5\r\n\r\nhello", id="a length in hex"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="an unknown encoding"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunked not last"),
        pytest.param(b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="a space before the colon"),
        pytest.param(
            b"X: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\nBad\r\n\r\n", id="a line without colon"
        ),
        pytest.param(b"X: a\x00b\r\nContent-Length: 0\r\n\r\n", id="a zero byte"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", id="a chunk without a size"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", id="a chunk beyond all sizes"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", id="a chunk of negative size"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", id="a chunk longer than it says"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", id="a chunk with half a line end"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n", id="a line end in an extension"
        ),
        pytest.param(b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", id="chunked twice"),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", id="two encodings"),
    ],
)
async def test_an_ambiguous_request_is_refused_and_smuggles_nothing(
    bed: GatewayBed, blue: Upstream, attack: bytes
) -> None:
    answer = await exchange(bed.settings.port, HEAD + attack + SMUGGLED)
    assert not answer.startswith(b"HTTP/1.1 2")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not [request for request in blue.received if "smuggled" in request.path]
    assert await count(bed, "http.gateway.downstream_cx_protocol_error") >= 1
    assert (await bed.score()).status_code == 200


SMUGGLING_IN_HTTP2: dict[str, list[tuple[str, str]]] = {
    "a length that is too large": [("content-length", "500")],
    "a length that is too small": [("content-length", "1")],
    "two lengths": [("content-length", "1"), ("content-length", "2")],
    "an encoding": [("transfer-encoding", "chunked")],
    "a header of the connection": [("connection", "transfer-encoding")],
    "a line end in a value": [("x-a", "1\r\nx-injected: 1")],
    "half a line end in a value": [("x-a", "1\nx-injected: 1")],
    "a line end in a name": [("x-a: 1\r\nx-injected", "1")],
    "a zero byte": [("x-a", "1\x00x-injected")],
    "a name in capitals": [("X-Injected", "1")],
    "a path too late": [(":path", "/endpoints/orders/injected")],
    "an unknown pseudo header": [(":injected", "1")],
    "a line end in the path": [(":path", "/endpoints/orders/score HTTP/1.1\r\nx-injected: 1\r\n\r\nGET /injected")],
    "a line end in the method": [(":method", "GET /injected HTTP/1.1\r\n\r\nPOST")],
    "a line end in the authority": [(":authority", "x\r\nx-injected: 1")],
    "a space in the path": [(":path", "/endpoints/orders/score injected")],
}


async def test_http2_says_nothing_that_would_mean_something_else_in_http1(bed: GatewayBed, blue: Upstream) -> None:
    async def send(changes: list[tuple[str, str]]) -> None:
        client = start_http2()
        in_place = {name: value for name, value in changes if " " in value and name.startswith(":")}
        head = [(name, in_place.get(name, value)) for name, value in build_headers("/score")]
        client.send_headers(1, head + [change for change in changes if change[0] not in in_place])
        client.send_data(1, SMUGGLED, end_stream=True)
        assert b"HTTP/1.1" not in await exchange(bed.settings.port, client.data_to_send())

    await asyncio.gather(*(send(changes) for changes in SMUGGLING_IN_HTTP2.values()))
    assert not [
        request
        for request in blue.received
        if any("injected" in text or "smuggled" in text for text in (request.path, *request.headers))
    ]
    assert not [request for request in blue.received if request.body_bytes]
    assert (await bed.score()).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(b"X-Large: " + b"x" * 100_000 + b"\r\n", id="large"),
        pytest.param(b"".join(b"X-%d: 1\r\n" % number for number in range(200)), id="many"),
    ],
)
async def test_headers_beyond_measure_are_431(bed: GatewayBed, blue: Upstream, headers: bytes) -> None:
    answer = await exchange(bed.settings.port, HEAD + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert blue.received == []


async def test_a_path_leads_to_one_endpoint_only(bed: GatewayBed, blue: Upstream) -> None:
    await bed.publish(build_endpoint(build_target(blue), name="other", keys=("other-key",)))
    for path in ("/endpoints/orders/../other/score", "/endpoints/orders/%2e%2e/other/score"):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
        assert (await exchange(bed.settings.port, request)).startswith(b"HTTP/1.1 401 ")
    assert blue.received == []


async def test_a_path_that_a_client_says_was_the_original_one_counts_for_nothing(
    bed: GatewayBed, blue: Upstream
) -> None:
    assert (await bed.score(headers={"x-envoy-original-path": "/endpoints/other/score"})).status_code == 200
    assert (await bed.score("x", headers={"x-envoy-original-path": "/endpoints/orders/score"})).status_code == 404
    assert "x-envoy-original-path" not in blue.received[0].headers


async def test_folded_lines_and_bare_returns_are_passed_on_as_one_line(bed: GatewayBed, blue: Upstream) -> None:
    answer = await exchange(
        bed.settings.port, HEAD + b"X-A: 1\r\n Content-Length: 50\r\nX-B: 2\rX-C: 3\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    received = blue.received[0]
    assert (received.body_bytes, received.headers["x-a"]) == (2, "1 Content-Length: 50")
    assert (received.headers["x-b"], "x-c" in received.headers) == ("2X-C: 3", False)


async def test_a_change_to_another_protocol_is_refused_and_says_so(bed: GatewayBed, blue: Upstream) -> None:
    answer = await exchange(bed.settings.port, HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"UpgradeRefused"' in answer
    assert blue.received == []


async def test_a_request_that_is_refused_unread_is_told_why(bed: GatewayBed) -> None:
    answer = await exchange(bed.settings.port, HEAD.replace(b"Host: x\r\n", b"") + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"missing_host_header" in answer


async def test_http_1_0_is_understood(bed: GatewayBed) -> None:
    answer = await exchange(bed.settings.port, HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert b"connection: close" in answer


async def test_headers_that_never_end_are_given_up(blue: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_REQUEST_HEADERS_S", 1)
    async with running_gateway(build_endpoint(build_target(blue))) as bed, running_load(bed) as load:
        port = bed.settings.port
        answers = await asyncio.gather(*(read_until_closed(port, HEAD, b"X-A: 1\r\n") for _ in range(50)))
        await load.more(20)
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert load.bad == []


async def test_a_body_that_stops_coming_is_given_up(
    bed: GatewayBed, blue: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MIN_STALL_MS", 500)
    monkeypatch.setattr(routes, "CONNECTING_MS", 0)
    await bed.publish(build_endpoint(build_target(blue, request_timeout_ms=400)))
    start = HEAD + b"Content-Length: 1000\r\n\r\nonly this"
    answers = await asyncio.gather(*(read_until_closed(bed.settings.port, start) for _ in range(20)))
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert (await bed.score()).status_code == 200


def build_reset_flood() -> bytes:
    """Streams that are opened and at once given up ("rapid reset")."""
    client = start_http2()
    for number in range(1, 4000, 2):
        client.send_headers(number, build_headers())
        client.reset_stream(number)
    return client.data_to_send()


def build_refused_reset_flood() -> bytes:
    """The same by a stranger, whose requests are answered at once: nothing is left to give up by then."""
    client = start_http2()
    for number in range(1, 20_000, 2):
        client.send_headers(number, build_headers(key="wrong"), end_stream=True)
        client.reset_stream(number)
    return client.data_to_send()


def build_ping_flood() -> bytes:
    client = start_http2()
    for _ in range(20_000):
        client.ping(b"12345678")
    return client.data_to_send()


def build_settings_flood() -> bytes:
    client = start_http2()
    empty_settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    return client.data_to_send() + empty_settings * 20_000


def build_empty_frames_flood() -> bytes:
    client = start_http2()
    client.send_headers(1, build_headers())
    empty_data = b"\x00\x00\x00\x00\x00\x00\x00\x00\x01"
    return client.data_to_send() + empty_data * 20_000


def build_endless_headers() -> bytes:
    """A header block continued for ever ("continuation flood")."""
    client = start_http2()
    open_headers = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88"
    continuation = b"\x00\x40\x00\x09\x00\x00\x00\x00\x01" + b"\x00\x01a\x01b" * 3276 + b"\x88" * 4
    return client.data_to_send() + open_headers + continuation * 50


def start_http2() -> h2.connection.H2Connection:
    config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    client = h2.connection.H2Connection(config)
    client.initiate_connection()
    client.max_outbound_frame_size = 16384
    client.remote_settings.max_concurrent_streams = 2**31 - 1
    return client


def build_headers(path: str = "/hold", key: str = KEY) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", f"/endpoints/orders{path}"),
        ("authorization", f"Bearer {key}"),
    ]


@pytest.mark.parametrize(
    ("build", "counter"),
    [
        (build_reset_flood, "downstream_rq_too_many_premature_resets"),
        (build_refused_reset_flood, "downstream_rq_too_many_premature_resets"),
        (build_empty_frames_flood, "http2.inbound_empty_frames_flood"),
        (build_endless_headers, "http2.rx_messaging_error"),
        # Answered, as long as the client takes the answers; the connection's end is all there is to count.
        (build_ping_flood, "http.gateway.downstream_cx_destroy"),
        (build_settings_flood, "http.gateway.downstream_cx_destroy"),
    ],
)
async def test_a_flood_of_frames_costs_its_sender_the_connection_and_nobody_else_anything(
    bed: GatewayBed, build: Callable[[], bytes], counter: str
) -> None:
    flood = build()
    await bed.score()
    before = observe_memory(bed)
    async with running_load(bed, workers=2) as load:
        await asyncio.gather(*(send_without_reading(bed.settings.port, flood) for _ in range(4)))
        await load.more(20)
    assert load.bad == []
    assert observe_memory(bed) - before < GROWTH_BYTES
    assert await count(bed, counter) == 4

    async def is_settled() -> bool:
        return await count(bed, "http.gateway.downstream_rq_active") == 0

    await wait_until(is_settled)


async def send_without_reading(port: int, data: bytes) -> None:
    """Until everything is sent, or the other side has had enough."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(3.0):
            await writer.drain()
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()


async def test_many_silent_connections_cost_little_and_stop_nobody(bed: GatewayBed) -> None:
    before = observe_memory(bed)
    silent = [await asyncio.open_connection("127.0.0.1", bed.settings.port) for _ in range(300)]
    assert (await bed.score()).status_code == 200
    assert observe_memory(bed) - before < GROWTH_BYTES
    for _, writer in silent:
        writer.transport.abort()


async def test_clients_that_do_not_read_large_answers_cost_little(bed: GatewayBed) -> None:
    await bed.score()
    before = observe_memory(bed)
    path = b"/endpoints/orders/large?bytes=25000000"
    slow = [await asyncio.open_connection("127.0.0.1", bed.settings.port, limit=1024) for _ in range(12)]
    for _, writer in slow:
        writer.write(HEAD.replace(b"POST /endpoints/orders/score", b"GET " + path) + b"\r\n")

    async def is_full() -> bool:
        return await count(bed, "cluster.orders/blue.upstream_flow_control_paused_reading_total") >= 12

    await wait_until(is_full)
    assert (await bed.score()).status_code == 200
    assert observe_memory(bed) - before < GROWTH_BYTES
    for _, writer in slow:
        writer.transport.abort()


async def test_connections_beyond_the_limit_are_closed_at_once_and_counted(
    blue: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(build_endpoint(build_target(blue)), max_connections=5) as bed:
        assert (await bed.score()).status_code == 200
        opened = [await asyncio.open_connection("127.0.0.1", bed.settings.port) for _ in range(10)]
        cut = await asyncio.gather(*(asyncio.wait_for(is_cut(reader), 2.0) for reader, _ in opened))
        assert 6 <= sum(cut) <= 7
        assert (await bed.score()).status_code == 200
        assert await count(bed, "downstream_global_cx_overflow") == sum(cut)
        for _, writer in opened:
            writer.transport.abort()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 1.0) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
