"""Scripts that run on azureml-inference-server-http run here with the same answers: a table of scripts and requests,
and what the reference answered (tests/scripts/reference/answers.json, written by tests/scripts/reference/record.py)."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.ports import free_port
from tests.harness.processes import start_process
from tests.harness.waiting import wait_until_sync

SCRIPTS = Path(__file__).parents[1] / "scripts" / "reference"
ANSWERS = SCRIPTS / "answers.json"
JSON = {"content-type": "application/json"}
LONG = "A" * 101
COMPARED = (
    "content-type", "x-ms-run-function-failed", "x-ms-request-id", "x-ms-client-request-id", "traceid", "location",
    "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "vary", "set-cookie",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One request. `name` is unique within its script."""

    name: str
    method: str = "POST"
    path: str = "/score"
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    shows: tuple[str, ...] = ()
    """Headers of the answer to compare besides the usual ones."""


@dataclass(frozen=True)
class Script:
    name: str
    cases: tuple[Case, ...]
    environ: dict[str, str] = field(default_factory=dict)
    folder: str = ""

    @property
    def title(self) -> str:
        return "/".join(filter(None, (self.folder, self.name, ",".join(self.environ))))


def post(name: str, value: Any, path: str = "/score", **headers: str) -> Case:
    sent = {"content-type": "application/json", **{key.replace("_", "-"): text for key, text in headers.items()}}
    return Case(name, body=json.dumps(value).encode(), path=path, headers=sent)


def multipart() -> Case:
    body = (
        b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--cut\r\nContent-Disposition: form-data; name="image"; filename="i.txt"\r\nContent-Type: text/plain\r\n\r\n'
        b"pixels\r\n--cut--\r\n"
    )
    return Case(
        "multipart", path="/score?what=form", body=body, headers={"content-type": "multipart/form-data; boundary=cut"}
    )


ROUTES = (
    Case("health", "GET", "/"),
    Case("health head", "HEAD", "/"),
    Case("health post", "POST", "/", b"x"),
    Case("unknown path", "GET", "/does_not_exist"),
    Case("slash too many", "POST", "/score/", b"x"),
    Case("put", "PUT", "/score", b"x"),
    Case("delete", "DELETE", "/"),
    Case("head", "HEAD", "/score"),
    Case("options", "OPTIONS", "/score"),
    Case("health with id", "GET", "/", headers={"x-request-id": "r"}),
    Case("health with long id", "GET", "/", headers={"x-request-id": LONG}),
)
IDS = (
    Case("no ids", body=b"x"),
    Case("request id", body=b"x", headers={"x-request-id": "r"}),
    Case("request id of 100", body=b"x", headers={"x-request-id": "A" * 100}),
    Case("request id too long", body=b"x", headers={"x-request-id": LONG}),
    Case("legacy id", body=b"x", headers={"x-ms-request-id": "m"}),
    Case("legacy id too long", body=b"x", headers={"x-ms-request-id": LONG}),
    Case("client id", body=b"x", headers={"x-ms-client-request-id": "c"}),
    Case("client id too long", body=b"x", headers={"x-request-id": "A", "x-ms-client-request-id": LONG}),
    Case("all ids", body=b"x", headers={"x-request-id": "r", "x-ms-request-id": "m", "x-ms-client-request-id": "c"}),
    Case("empty request id", body=b"x", headers={"x-request-id": ""}),
    Case("trace id", body=b"x", headers={"TraceId": "t"}),
    Case("trace id with long id", body=b"x", headers={"TraceId": "t", "x-request-id": LONG}),
)
TEXTS = (
    Case("text", body="äöü".encode(), headers={"content-type": "text/plain"}),
    Case("no content type", body=b'{"data": "some plain text"}'),
    Case("octet stream", body=b"abc", headers={"content-type": "application/octet-stream"}),
    Case("empty", body=b""),
    Case("not utf-8", body=b"\xff"),
    Case("cut utf-8", body="ä".encode()[:1]),
    Case("bom", body=b"\xef\xbb\xbfx"),
    Case("get", "GET", "/score?a=1&b=x&c=1.2&d=%5B1%2C2%5D&e=null&f=%7B%22X%22%3A%22Y%22%7D"),
    Case("get repeated", "GET", "/score?foo=bar1&foo=bar2&x=y&x=2"),
    Case("get nothing", "GET", "/score"),
    Case("get with a body", "GET", "/score?a=b", b"ignored"),
    Case("get plus and blank", "GET", "/score?a=b+c&d="),
    Case("post with query", "POST", "/score?a=1", b"body"),
    Case("get too deep", "GET", f"/score?a={'[' * 3500}"),
    Case("get what is no utf-8", "GET", "/score?a=%ff&b=%zz&&=c&d"),
)
SCHEMA = (
    post("fine", {"num": 3, "words": ["x"]}),
    post("default", {"num": 3}),
    post("extra member", {"num": 3, "more": 1}),
    post("missing", {"words": []}),
    post("wrong type", {"num": "three"}),
    post("list", [1]),
    post("null", None),
    Case("empty", body=b"", headers=JSON),
    Case("broken", body=b'{"num": ', headers=JSON),
    Case("not utf-8", body=b"\xff\xfe\xfd", headers=JSON),
    Case("too deep", body=b'{"num": %b' % (b"[" * 100_000), headers=JSON),
    Case("too long a number", body=b'{"num": %b}' % (b"1" * 5000), headers=JSON),
    Case("charset", body=b'{"num": 1}', headers={"content-type": "application/json; charset=utf-8"}),
    Case("json suffix", body=b'{"num": 1}', headers={"content-type": "application/vnd.api+json"}),
    Case("no content type", body=b'{"num": 1}'),
    Case("wrong content type", body=b'{"num": 1}', headers={"content-type": "text/plain"}),
    Case("get", "GET", "/score?num=5"),
    Case("get words", "GET", "/score?num=5&words=a&words=b"),
    Case("get missing", "GET", "/score"),
    Case("options", "OPTIONS"),
)
SWAGGER = tuple(
    Case(f"swagger {query}", "GET", f"/swagger.json{query}")
    for query in (
        "",
        "?version=2",
        "?version=2.0",
        "?version=3",
        "?version=3.0",
        "?version=3.1",
        "?version=3.0a",
        "?version=",
    )
)
RAW = (
    Case("get", "GET", "/score?a=1&a=2&n=7&empty=", headers={"x-custom": "v"}),
    Case("post", "POST", "/score?n=x", b"abc", {"x-custom": "v", "x-other": "w"}),
    Case("options", "OPTIONS", "/score"),
    Case("head", "HEAD", "/score"),
    Case("put", "PUT", "/score", b"x"),
    Case("bytes", path="/score?what=bytes", body=bytes(range(256)), headers={"content-type": "image/png"}),
    Case("data", path="/score?what=data", body=b"abc"),
    post("json", {"a": 1}, "/score?what=json"),
    Case("json broken", path="/score?what=json", body=b"{", headers=JSON),
    Case("json of no type", path="/score?what=json", body=b"{}"),
    Case("silent", path="/score?what=silent", body=b"{"),
    Case(
        "form",
        path="/score?what=form",
        body=b"a=1&b=2&a=3",
        headers={"content-type": "application/x-www-form-urlencoded"},
    ),
    multipart(),
    Case("stream", path="/score?what=stream", body=b"abcdef"),
    Case("cookies", path="/score?what=cookies", body=b"", headers={"cookie": "a=1; b=2"}),
    Case("length", path="/score?what=length", body=b"abc", headers={"content-type": "text/csv; charset=latin-1"}),
    Case("json error", path="/score?what=json_error", body=b"{", headers=JSON),
    Case("environ", path="/score?what=environ", body=b"{}"),
    Case("accept", "GET", "/score?what=accept", headers={"accept": "a/b;q=0.5, c/d", "user-agent": "me"}),
)
ANSWERED = (
    *(
        Case(what, "POST", f"/score?what={what}", b"", {"x-request-id": "r"}, ("a", "b", "location"))
        for what in (
            "overwritten",
            "none",
            "text",
            "json",
            "object",
            "bytes",
            "headers",
            "failed",
            "failed200",
            "bad",
            "status_text",
            "stream",
            "events",
            "location",
            "plain",
            "raise",
            "empty",
            "unknown",
        )
    ),
    Case("options", "OPTIONS", "/score"),
    Case("get", "GET", "/score?what=text"),
)
CORS = tuple(
    Case(f"{method} from {origin} asking {asked}", method, "/score", headers=headers)
    for method in ("OPTIONS", "POST")
    for origin in ("http://a.test", "http://A.test", "http://other.test", None)
    for asked in (None, "POST", "PUT")
    for headers in [
        {
            **({"origin": origin} if origin else {}),
            **({"access-control-request-method": asked, "access-control-request-headers": "x-b, x-a"} if asked else {}),
        }
    ]
)

TABLE = (
    Script("echo.py", (*ROUTES, *IDS, *TEXTS, *SWAGGER)),
    Script(
        "results.py",
        tuple(
            post(what, {"what": what})
            for what in (
                "none",
                "text",
                "number",
                "huge",
                "list",
                "tuple",
                "object",
                "keys",
                "ordered",
                "unicode",
                "empty",
                "zero",
                "false",
                "set",
                "bytes",
                "datetime",
                "object()",
                "pair",
                "unknown",
            )
        ),
    ),
    Script("numpy_results.py", tuple(post(what, {"what": what}) for what in ("array", "listed", "float64", "int64"))),
    Script("headers.py", (Case("headers", body=b"x", headers={"x-custom": "v", "x-request-id": "r"}),)),
    Script("two_arguments.py", (Case("default", body=b"x"),)),
    Script("raises.py", (Case("post", body=b"x"), Case("ids", "GET", headers={"x-ms-client-request-id": "c"}))),
    Script("slow.py", (Case("over time", body=b"5"), Case("after", body=b"0")), {"SCORING_TIMEOUT_MS": "200"}),
    Script("raw.py", RAW),
    Script("raw_contrib.py", RAW),
    Script("answers.py", ANSWERED),
    Script("raw_json.py", (Case("broken", body=b"{", headers=JSON), post("text", "text"), post("object", {"a": 1}))),
    Script("raw_default.py", (Case("default", "GET"),)),
    Script("schema_standard.py", (*SCHEMA, *SWAGGER)),
    Script("schema_headers.py", (post("fine", {"data": {"a": 2}}, x_custom="v"), *SWAGGER)),
    Script(
        "schema_numpy.py",
        (post("fine", {"data": [[1, 2], [3, 4]]}), post("ragged", {"data": [[1], [1, 2]]}), *SWAGGER),
    ),
    Script(
        "schema_pandas.py",
        (
            post("records", {"data": [{"age": 1, "name": "n", "weight": 2.5}]}),
            post(
                "two",
                {
                    "data": [{"age": 1, "name": "n", "weight": 2}, {"age": 1, "name": "n", "weight": 3}],
                    "method": "mean",
                },
            ),
            post("split", {"data": {"columns": ["age"], "data": [[1]]}}),
            *SWAGGER,
        ),
    ),
    Script(
        "schema_nested.py",
        (
            post("fine", {"inputs": {"frame": [{"a": 1}], "array": [1, 2], "list": [3]}, "parameters": {"scale": 2}}),
            post("missing member", {"inputs": {"frame": [{"a": 1}]}, "parameters": {"scale": 2}}),
            post("no object", {"inputs": [1], "parameters": {}}),
            *SWAGGER,
        ),
    ),
    Script("schema_mixed.py", (post("fine", {"data": [1, "x"]}), *SWAGGER)),
    Script("driver.py", (post("fine", {"num": 1}), *SWAGGER)),
    Script("uses_source_directory.py", (Case("fine", body=b""),), {"AZUREML_SOURCE_DIRECTORY": "app/shared"}),
    Script("echo.py", SWAGGER, folder="swagger_files"),
    Script("echo.py", SWAGGER, {"SERVICE_NAME": "mine", "SERVICE_VERSION": "7", "SERVICE_PATH_PREFIX": "/api/v1/"}),
    Script("echo.py", CORS, {"AML_CORS_ORIGINS": "http://a.test, http://b.test"}),
    Script("echo.py", CORS, {"AML_CORS_ORIGINS": "http://a.test", "ONE": "1"}),
    Script("echo.py", CORS, {"AML_CORS_ORIGINS": "*", "ALL": "1"}),
    Script(
        "answers.py",
        (Case("raw options", "OPTIONS", headers={"origin": "http://a.test"}),),
        {"AML_CORS_ORIGINS": "http://a.test"},
    ),
)


def ask(client: httpx.Client, case: Case) -> dict[str, Any]:
    """The answer to a case, without what must differ: times, new ids, the spelling of JSON."""
    answer = client.request(case.method, case.path, content=case.body, headers=case.headers)
    names = [name for name in (*COMPARED, *case.shows) if name in answer.headers]
    seen: dict[str, Any] = {name: answer.headers.get_list(name) for name in names}
    if seen.get("vary"):
        seen["vary"] = sorted(seen["vary"])
    request_id = answer.headers.get("x-request-id")
    if request_id is not None and "x-request-id" not in case.headers and len(request_id) == 36:
        request_id = "new"
        if seen.get("x-ms-request-id") == [answer.headers["x-request-id"]]:
            seen["x-ms-request-id"] = ["new"]
    body: Any = answer.content.decode("latin-1")
    if answer.headers.get("content-type") == "application/json" and answer.content:
        body = answer.json()
    return {
        "status": answer.status_code,
        "body": body,
        "headers": seen,
        "x-request-id": request_id,
        "timed": "x-ms-run-fn-exec-ms" in answer.headers,
        "versioned": "x-ms-server-version" in answer.headers,
    }


def build_environ(script: Script) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "AML_APP_ROOT": str(SCRIPTS / script.folder), **script.environ}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    answers: dict[str, Any] = json.loads(ANSWERS.read_text())
    return answers


@pytest.fixture
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    script: Script = request.param
    pytest.importorskip("inference_schema" if script.name.startswith(("schema", "driver")) else "json")
    if "pandas" in (SCRIPTS / script.folder / script.name).read_text():
        pytest.importorskip("pandas")
    port = free_port()
    process = start_process(
        [
            sys.executable,
            "-m",
            "teal_scoring",
            "--entry_script",
            str(SCRIPTS / script.folder / script.name),
            "--port",
            str(port),
        ],
        log_path=tmp_path / "log",
        env=build_environ(script),
        cwd=tmp_path,
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers={"accept": "*/*"}) as client:

        def answers() -> bool:
            assert process.returncode is None, process.output
            try:
                return client.get("/").status_code == 200
            except httpx.TransportError:
                return False

        try:
            wait_until_sync(answers, within_s=30, describe=lambda: process.output)
            yield client
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("client", "script"), [(one, one) for one in TABLE], ids=[one.title for one in TABLE], indirect=["client"]
)
def test_answers_are_the_reference_servers(client: httpx.Client, script: Script, recorded: dict[str, Any]) -> None:
    expected = recorded[script.title]
    seen = {case.name: ask(client, case) for case in script.cases}
    different = {
        name: {"here": seen[name], "reference": expected[name]} for name in seen if seen[name] != expected[name]
    }
    assert not different, json.dumps(different, indent=1, ensure_ascii=False)
