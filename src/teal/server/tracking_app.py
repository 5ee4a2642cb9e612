"""The tracking process: MLflow's own server application on a unix socket, until standard input ends.

Run as a script by teal.server.tracking, in an environment that may have nothing of Teal's; MLflow takes all else from
the environment variables it is started with.
"""

import os
import sys
import threading


def main() -> None:
    socket = sys.argv[1]
    threading.Thread(target=_end_with_input, daemon=True).start()
    # The script's own folder is no place to import from.
    sys.path.pop(0)
    import uvicorn
    from mlflow.server.fastapi_app import app

    os.umask(0o077)
    uvicorn.run(app, uds=socket, log_level="warning", access_log=False, lifespan="off")


# --- private


def _end_with_input() -> None:
    """Whoever started this holds the other end: it closes when that process is told to stop, and when it is killed."""
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
