"""The demo's client against a real server on a free port: it counts what it sends and notices what is wrong."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from examples.demo.answers import Question
from examples.demo.traffic import Traffic

QUESTIONS = [Question(json.dumps({"data": [[row]]}).encode(), {"blue": row + 1.0, "green": -1.0}) for row in range(7)]


async def test_a_sample_is_exactly_its_size_while_the_client_keeps_asking() -> None:
    with answering() as upstream:
        async with asking(upstream) as traffic:
            sample = await traffic.sample(200)
            assert sample.by_deployment() == {"blue": 200}
            assert len(sample.answers) == 200
        assert traffic.sent == upstream.asked.total() >= 200
        assert not traffic.failures


async def test_outside_a_sample_requests_name_the_deployment_and_within_one_they_do_not() -> None:
    with answering() as upstream:
        async with asking(upstream) as traffic:
            await traffic.name_between_samples("green")
            before = upstream.asked[None]
            sample = await traffic.sample(100)
            assert sample.by_deployment() == {"blue": 100}
            assert upstream.asked[None] - before == 100
        assert not traffic.failures


async def test_every_answer_that_is_not_right_is_a_failure() -> None:
    with answering(blue_adds=2.0) as upstream:
        async with asking(upstream) as traffic:
            await traffic.sample(20)
        assert len(traffic.failures) == traffic.sent


async def test_a_connection_that_is_cut_is_a_failure_and_the_client_carries_on() -> None:
    with answering(cuts_every=5) as upstream:
        async with asking(upstream) as traffic:
            await traffic.sample(50)
        assert 0 < len(traffic.failures) < traffic.sent
        assert all("no answer" in failure for failure in traffic.failures)


# --- private


class Upstream(ThreadingHTTPServer):
    """Answers as a gateway with a blue deployment of all traffic would, or wrongly on purpose."""

    daemon_threads = True

    def __init__(self, blue_adds: float, cuts_every: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: Counter[str | None] = Counter()
        self.blue_adds = blue_adds
        self.cuts_every = cuts_every
        self.lock = threading.Lock()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        named = self.headers["azureml-model-deployment"]
        with self.server.lock:
            self.server.asked[named] += 1
            cut = self.server.cuts_every and self.server.asked.total() % self.server.cuts_every == 0
        if cut:
            self.close_connection = True
            return
        deployment = named or "blue"
        value = body["data"][0][0] + self.server.blue_adds if deployment == "blue" else -1.0
        answer = json.dumps({"predictions": [value]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("azureml-model-deployment", deployment)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def answering(blue_adds: float = 1.0, cuts_every: int = 0) -> Iterator[Upstream]:
    with Upstream(blue_adds, cuts_every) as upstream:
        thread = threading.Thread(target=upstream.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield upstream
        finally:
            upstream.shutdown()
            thread.join()


@asynccontextmanager
async def asking(upstream: Upstream) -> AsyncIterator[Traffic]:
    traffic = Traffic(f"http://127.0.0.1:{upstream.server_port}/score", "key", QUESTIONS)
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.run())
        yield traffic
        traffic.stop()
