"""A server that outlives the shell: started as a process of its own, waited for until it is ready. Called by
server/commands.py."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from teal.server.data_dir import DataDir
from teal.server.errors import StartFailed
from teal.server.ready_pipe import parse_refusal
from teal.server.settings import Settings

LAST_WORDS_CHARS = 2000


def start_detached(settings: Settings, data: DataDir) -> dict[str, Any]:
    """What the new server says of itself once it is ready; if it dies before, its refusal, else its last words."""
    output = data.path / "logs" / "server.out"
    arguments = json.dumps(asdict(settings), default=str)
    readable, writable = os.pipe()
    with open(readable, "rb") as ready:
        try:
            with output.open("wb") as out:
                process = subprocess.Popen(
                    [sys.executable, "-m", "teal.server", arguments, str(writable)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writable],
                    cwd=data.path,
                    start_new_session=True,
                )
        finally:
            os.close(writable)
        # Closed by the server when it is ready, by the kernel when it has died.
        refusal = parse_refusal(ready.read())
    content = data.load_server()
    if content.get("pid") == process.pid:
        # Not ours to wait for: it outlives this process.
        process.returncode = 0
        return content
    process.wait()
    if refusal is not None:
        raise refusal
    words = output.read_text(errors="replace").strip()
    raise StartFailed(words[-LAST_WORDS_CHARS:] or f"The server ended with exit status {process.returncode}.")
