"""From an HTTP request to the arguments of run(): one class per way a script may declare it. Used by user_script.py.

undecorated      JsonStringStyle     run(<body as str>)        (azureml-inference-server-http, "input_parsers")
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl


class BadInput(Exception):
    """The request does not fit the script's declaration: 400."""


@dataclass(frozen=True)
class ScoreRequest:
    """One request to /score. `header_items` as received, names in lower case."""

    method: str
    query: str
    header_items: tuple[tuple[str, str], ...]
    body: bytes

    @cached_property
    def headers(self) -> dict[str, str]:
        """Names as Flask spells them (`X-Request-Id`), repeated headers joined: what `request_headers` always was."""
        headers: dict[str, str] = {}
        for name, value in self.header_items:
            title = name.title()
            headers[title] = f"{headers[title]},{value}" if title in headers else value
        return headers


class InputStyle(Protocol):
    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        """The keyword arguments of run(). Raises BadInput."""


class JsonStringStyle:
    """POST: the body as text. GET: the query parameters as the text of a JSON object."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        self._name = parameter.name

    def build_arguments(self, request: ScoreRequest) -> dict[str, Any]:
        if request.method == "GET":
            return {self._name: json.dumps(parse_query(request.query))}
        try:
            return {self._name: str(request.body, "utf-8")}
        except UnicodeDecodeError as error:
            raise BadInput(f"Input cannot be decoded as UTF-8: {error}") from None


def parse_query(query: str) -> Mapping[str, Any]:
    """`a=1&b=[1,2]&c=x&c=y` -> {"a": 1, "b": [1, 2], "c": ["x", "y"]}: JSON where it parses, lists where repeated."""
    values: dict[str, list[Any]] = {}
    for name, text in parse_qsl(query, keep_blank_values=True, errors="replace"):
        values.setdefault(name, []).append(_parse_json_or_text(text))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


# --- private


def _parse_json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
