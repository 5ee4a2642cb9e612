"""The process of a detached server: `python -m teal.server SETTINGS-JSON READY-FD`. Started by server/detach.py."""

import json
import os
import sys

from teal.server.commands import run_in_foreground
from teal.server.data_dir import DataDir
from teal.server.errors import ServerError
from teal.server.settings import load_settings


def main() -> int:
    ready_fd = int(sys.argv[2])
    # Nothing this process starts may hold the pipe open.
    os.set_inheritable(ready_fd, False)
    settings = load_settings(**json.loads(sys.argv[1]))
    try:
        run_in_foreground(settings, DataDir(settings.data_dir), ready_fd=ready_fd)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
