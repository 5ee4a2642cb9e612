"""What a detached server tells the one who waits for it."""

import os

import pytest

from teal.server.errors import DataDirInUse, PortRefused, ServerError, StartFailed
from teal.server.ready_pipe import ReadyPipe, parse_refusal


@pytest.mark.parametrize(
    ("error", "kind"), [(DataDirInUse("Another has it."), DataDirInUse), (PortRefused("It is taken."), StartFailed)]
)
def test_a_refusal_arrives_as_it_was(error: ServerError, kind: type[ServerError]) -> None:
    readable, writable = os.pipe()
    pipe = ReadyPipe(writable)
    pipe.say_refused(error)
    pipe.say_ready()
    with open(readable, "rb") as ready:
        heard = parse_refusal(ready.read())
    assert type(heard) is kind
    assert str(heard) == str(error)


def test_nothing_is_said_after_the_server_was_ready() -> None:
    readable, writable = os.pipe()
    pipe = ReadyPipe(writable)
    pipe.say_ready()
    pipe.say_refused(StartFailed("later"))
    with open(readable, "rb") as ready:
        assert parse_refusal(ready.read()) is None


def test_a_parent_that_has_gone_is_no_trouble() -> None:
    readable, writable = os.pipe()
    os.close(readable)
    ReadyPipe(writable).say_refused(StartFailed("unheard"))
