"""From an HTTP request to the arguments of run(): one class per way a script may declare it. Used by user_script.py.

undecorated      JsonStringStyle     run(<body as str>)        (azureml-inference-server-http, "input_parsers")
@input_schema    SchemaStyle         run(name=<member of the JSON object>, ...)
@rawhttp         RawHttpStyle        run(<the request>)
"""

import codecs
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote_from_bytes


class BadInput(Exception):
    """The request does not fit the script's declaration: 400."""


class UnsupportedInput(BadInput):
    """The content type is not one that run() takes: 415."""


class HeaderView(Protocol):
    """Granian's headers: names in any case, read when asked for."""

    def get(self, name: str, default: Any = None) -> Any: ...
    def __contains__(self, name: str) -> bool: ...
    def items(self) -> Iterable[tuple[str, str]]: ...


class ScoreRequest:
    """One request to /score. What most scripts never look at is made when asked for."""

    __slots__ = ("_headers", "body", "header_view", "method", "query", "scope")

    def __init__(self, method: str, query: str, header_view: HeaderView, body: bytes, scope: Any = None) -> None:
        self.method = method
        self.query = query
        self.header_view = header_view
        self.body = body
        self.scope = scope
        self._headers: dict[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Names as Flask spells them (`X-Request-Id`), repeated headers joined: what `request_headers` always was."""
        if self._headers is None:
            headers: dict[str, str] = {}
            for name, value in self.header_view.items():
                title = name.title()
                headers[title] = f"{headers[title]},{value}" if title in headers else value
            self._headers = headers
        return self._headers


class InputStyle(Protocol):
    methods: frozenset[str]
    """What reaches run(); OPTIONS otherwise gets an empty answer, HEAD a refusal."""

    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        """The keyword arguments of run(). Raises BadInput."""


class JsonStringStyle:
    """POST: the body as text. GET: the query parameters as the text of a JSON object."""

    methods = frozenset({"GET", "POST"})

    def __init__(self, parameter: inspect.Parameter) -> None:
        self._name = parameter.name

    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        if request.method == "GET":
            return {self._name: json.dumps(parse_query(request.query))}
        try:
            return {self._name: str(request.body, "utf-8")}
        except UnicodeDecodeError as error:
            raise BadInput(f"Input cannot be decoded as UTF-8: {error}") from None


class SchemaStyle:
    """POST: the members of a JSON object by name. GET: the query parameters by name. The conversion to the declared
    types is done by inference-schema's decorators, inside run()."""

    methods = frozenset({"GET", "POST"})

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._defaults = {parameter.name: parameter.default for parameter in parameters}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._defaults)

    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        given = parse_query(request.query) if request.method == "GET" else _parse_object(request)
        arguments: dict[str, Any] = {}
        for name, default in self._defaults.items():
            value = given.get(name, default)
            if value is inspect.Parameter.empty:
                raise BadInput(f"A value is not provided for the {name!r} parameter.")
            arguments[name] = value
        return arguments


class RawHttpStyle:
    """The request itself, for every method of the route."""

    methods = frozenset({"GET", "HEAD", "POST", "OPTIONS"})

    def __init__(self, parameter: inspect.Parameter) -> None:
        self._name = parameter.name

    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        from .raw_http import build_request  # loaded already, by the script that asked for it

        return {self._name: build_request(request)}


def parse_query(query: str) -> Mapping[str, Any]:
    """`a=1&b=[1,2]&c=x&c=y` -> {"a": 1, "b": [1, 2], "c": ["x", "y"]}: JSON where it parses, lists where repeated."""
    values: dict[str, list[Any]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True, errors=_KEEP_QUOTED):
        values.setdefault(name, []).append(_parse_json_or_text(text))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


# --- private

_KEEP_QUOTED = "teal_scoring.keep_quoted"


def _keep_quoted(error: UnicodeError) -> tuple[str, int]:
    """Bytes of a query that are no UTF-8 stay as they were sent, `%FF`, as in werkzeug's."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return quote_from_bytes(error.object[error.start : error.end]), error.end


codecs.register_error(_KEEP_QUOTED, _keep_quoted)


def _parse_json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parse_object(request: ScoreRequest) -> dict[str, Any]:
    mimetype = (request.header_view.get("content-type") or "").partition(";")[0].strip().lower()
    if mimetype != "application/json" and not (mimetype.startswith("application/") and mimetype.endswith("+json")):
        raise UnsupportedInput("Expects Content-Type to be application/json")
    try:
        document = json.loads(request.body)
    except json.JSONDecodeError as error:
        if not request.body:
            raise BadInput("POST body is empty. Expecting a JSON dictionary.") from None
        raise BadInput(f"POST body could not be decoded as JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadInput("POST body should be a JSON dictionary.")
    return document
