"""One HTTP/2 request with everything of its answer, trailers too, which the usual client libraries leave out."""

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events


@dataclass(slots=True)
class Http2Answer:
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False


async def request_http2(
    port: int, path: str, headers: dict[str, str], *, context: ssl.SSLContext | None = None
) -> Http2Answer:
    """A GET, to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    pseudo = {":method": "GET", ":path": path, ":authority": f"127.0.0.1:{port}", ":scheme": "http"}
    connection.send_headers(1, list((pseudo | headers).items()), end_stream=True)
    writer.write(connection.data_to_send())
    answer = Http2Answer()
    try:
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                match event:
                    case h2.events.ResponseReceived():
                        answer.headers = _read_headers(event.headers)
                    case h2.events.DataReceived():
                        answer.body += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, 1)
                    case h2.events.TrailersReceived():
                        answer.trailers = _read_headers(event.headers)
                    case h2.events.StreamEnded():
                        return answer
                    case h2.events.StreamReset():
                        answer.reset = True
                        return answer
            writer.write(connection.data_to_send())
    finally:
        writer.close()
    raise ConnectionError("the connection ended before the answer did")


# --- private


def _read_headers(headers: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers}
