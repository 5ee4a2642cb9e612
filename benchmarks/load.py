"""A load generator in one process: keep-alive connections that ask as fast as they are answered (a closed loop).

Raw sockets and one selector, because the generator shares the machine with what it measures: it costs about a tenth of
what an HTTP library would. Run by `benchmarks.throughput` in a process of its own.
"""

import json
import re
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass

LAST = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, where, and for how long."""

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int = 16
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    answered: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def run_load(load: Load) -> LoadResult:
    """Answers other than 200 count as refused; a connection that is cut ends the run with an error."""
    request = build_request(load)
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    refused = 0
    try:
        for _ in range(load.connections):
            connection = Connection(load.port, request)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
        until = time.perf_counter() + load.seconds
        while time.perf_counter() < until:
            for key, _ in selector.select(1.0):
                connection = key.data
                if (answer := connection.receive()) is None:
                    continue
                latencies.append(time.perf_counter() - connection.asked_at)
                refused += not is_ok(answer)
                if is_last(answer):
                    selector.unregister(connection.socket)
                    connection.reconnect()
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.ask()
    finally:
        for key in list(selector.get_map().values()):
            key.data.close()
        selector.close()
    ordered = sorted(latencies) or [float("nan")]
    return LoadResult(
        answered=len(latencies) - refused,
        refused=refused,
        seconds=load.seconds,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[len(ordered) * 99 // 100],
    )


def build_request(load: Load) -> bytes:
    body = load.body.encode()
    headers = {"Host": f"127.0.0.1:{load.port}", "Content-Length": str(len(body))} | load.headers
    lines = [f"POST {load.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def is_ok(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200 ")


def is_last(answer: bytes) -> bool:
    """Whether the server closes the connection after it, as Envoy does when it refuses before it has read the body."""
    return LAST.search(answer, 0, answer.find(b"\r\n\r\n") + 2) is not None


def connect(port: int) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port))
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def answers(load: Load) -> bool:
    """Whether one request is answered with 200."""
    try:
        connection = Connection(load.port, build_request(load))
    except ConnectionError:
        return False
    try:
        connection.ask()
        while (answer := connection.receive()) is None:
            pass
        return is_ok(answer)
    finally:
        connection.close()


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = connect(port)
        self.asked_at = 0.0
        self._port = port
        self._request = request
        self._received = b""

    def ask(self) -> None:
        self.asked_at = time.perf_counter()
        self.socket.sendall(self._request)

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = connect(self._port)

    def close(self) -> None:
        self.socket.close()

    def receive(self) -> bytes | None:
        """The whole answer, head and body; None while it is not complete."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError(f"the connection was cut after {self._received[:200]!r}")
        self._received += part
        if (ends := self._received.find(b"\r\n\r\n")) < 0:
            return None
        length = CONTENT_LENGTH.search(self._received, 0, ends + 2)
        if length is None and CHUNKED.search(self._received, 0, ends + 2) is None:
            raise ConnectionError(f"an answer without a length cannot be measured: {self._received[:200]!r}")
        if length is None and not self._received.endswith(b"\r\n0\r\n\r\n", ends + 2):
            return None
        if length is not None and len(self._received) < ends + 4 + int(length[1]):
            return None
        answer, self._received = self._received, b""
        return answer


if __name__ == "__main__":
    print(json.dumps(asdict(run_load(Load(**json.load(sys.stdin))))))
