"""The process of a detached server: `python -m teal.server SETTINGS-JSON READY-FD`. Started by server/detach.py."""

import json
import sys

from teal.server.commands import run_in_foreground
from teal.server.data_dir import DataDir
from teal.server.errors import ServerError
from teal.server.ready_pipe import ReadyPipe
from teal.server.settings import load_settings


def main() -> int:
    parent = ReadyPipe(int(sys.argv[2]))
    settings = load_settings(**json.loads(sys.argv[1]))
    try:
        run_in_foreground(settings, DataDir(settings.data_dir), parent=parent)
    except ServerError as error:
        parent.say_refused(error)
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
