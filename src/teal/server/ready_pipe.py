"""The child's end of the pipe on which `teal up --detach` waits: closed when the server is ready, or told why not.
A pipe, because a refusal for want of room on the disk cannot be written to a file. Called by server/__main__.py and
server/commands.py; server/detach.py reads the other end.
"""

import os
from contextlib import suppress

from teal.server.errors import DataDirInUse, ServerError, StartFailed

IN_USE = b"U"
OTHER = b"R"


class ReadyPipe:
    """Says one thing, once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        # Nothing this process starts may hold the pipe open.
        os.set_inheritable(descriptor, False)

    def say_ready(self) -> None:
        self._say(b"")

    def say_refused(self, error: ServerError) -> None:
        kind = IN_USE if isinstance(error, DataDirInUse) else OTHER
        self._say(kind + str(error).encode())

    # --- private

    def _say(self, words: bytes) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        # A parent that was interrupted does not read any more.
        with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
            pipe.write(words)


def parse_refusal(words: bytes) -> ServerError | None:
    """What the child has said; None when it was ready, or has died without a word."""
    if not words:
        return None
    kind, sentence = words[:1], words[1:].decode(errors="replace")
    return DataDirInUse(sentence) if kind == IN_USE else StartFailed(sentence)
