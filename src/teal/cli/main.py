"""The `teal` command. Installed as a console script; `az` launchers call it too.

Nothing heavy is imported here: `teal --help` answers before a client library could be loaded.
"""

import os
import sys

from teal.cli.app import TealCLI
from teal.cli.completion import drop_ml, is_completing
from teal.cli.elsewhere import find_sentence


def main() -> None:
    """Run one command and leave with its exit status."""
    # Importing httpx also imports its own command line, and with it click and pygments, and HTTP/2, where these are
    # installed: more than 0.1 s of every command. httpx does without what cannot be imported.
    for module in ("httpx._main", "httpcore._async.http2", "httpcore._sync.http2"):
        sys.modules.setdefault(module, None)  # type: ignore[arg-type]
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """One command, as a function: 0 done, 1 failed, 2 wrong usage, 3 not found (as az has them), 130 interrupted."""
    # `az ml online-endpoint …` and `teal online-endpoint …` are one command.
    words = arguments[1:] if arguments[:1] == ["ml"] else arguments
    if is_completing(os.environ):
        drop_ml(os.environ)
    elif sentence := find_sentence(words):
        print(f"ERROR: {sentence}", file=sys.stderr)
        return 2
    try:
        cli = TealCLI()
        status = cli.invoke(list(words) or ["--help"])
        if cli.result is not None and isinstance(cli.result.error, KeyboardInterrupt):
            return _leave_interrupted(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _leave_interrupted(words)
    except BrokenPipeError:
        # The reader of a pipe has gone (`teal … | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return int(status or 0)


# --- private

INTERRUPTED = 130
CHANGING = ("create", "update", "delete", "apply")


def _leave_interrupted(words: list[str]) -> int:
    """Ctrl-C before there was anything to wait for; the server may have heard of it all the same."""
    group, verb = (*words, "", "")[:2]
    told = f"If the server was asked already, it goes on; `teal {group} show` tells how far it is."
    print(f"Interrupted.{f' {told}' if verb in CHANGING else ''}", file=sys.stderr)
    return INTERRUPTED


if __name__ == "__main__":
    main()
