"""The life of one worker: import the script, init(), serve, stop. Called by __main__ or, per process, supervisor.py."""

import logging
import socket
import uuid
from itertools import islice
from pathlib import Path

from .concurrency import ScoringThreads
from .http import ScoringApp
from .invocation import invoke_with
from .report import IMPORTING, INITIALISING, READY, BootReport
from .server import ScoringServer, start_listening
from .settings import Settings
from .user_script import (
    MODEL_TREE_LINES,
    UserScriptInitFailed,
    apply_environment,
    call_init,
    load_user_script,
    walk_folder,
)

logger = logging.getLogger("azmlinfsrv")


def run_worker(settings: Settings, listener: socket.socket, report: BootReport) -> int:
    """Serve until told to stop; the exit status. Raises BootFailed.

    Belongs on the main thread, which also runs the script. Until init() has returned, a signal has its plain effect:
    it ends the process at once.
    """
    report.begin(IMPORTING)
    apply_environment(settings.entry_script, settings.app_root, settings.model_dir)
    script = load_user_script(settings.entry_script, settings.app_root, settings.source_directory)
    logger.info("Found user script at %s", script.path)
    report.begin(INITIALISING)
    logger.info("Invoking user's init function")
    try:
        call_init(script, settings.model_dir)
    except UserScriptInitFailed:
        _log_model_folder(settings.model_dir)
        raise
    logger.info("Users's init has completed successfully")
    threads = ScoringThreads(
        invoke_with(script),
        limit=settings.max_concurrent_per_worker,
        timeout_s=settings.scoring_timeout_ms / 1e3,
    )
    app = ScoringApp(threads, settings, new_id=lambda: str(uuid.uuid4()))
    start_listening(listener)
    server = ScoringServer(
        app,
        threads,
        listener,
        stop_grace_s=settings.stop_grace_s,
        on_ready=lambda: report.begin(READY),
    )
    logger.info("Scoring timeout is set to %d", settings.scoring_timeout_ms)
    server.start()
    threads.run_on_main_thread()
    return server.join()


# --- private


def _log_model_folder(model_dir: str | None) -> None:
    if not model_dir or not Path(model_dir).is_dir():
        return
    logger.info("Model Directory Contents:")
    lines = walk_folder(Path(model_dir))
    for line in islice(lines, MODEL_TREE_LINES):
        logger.info("%s", line)
    if next(lines, None) is not None:
        logger.info("Output Truncated. First %d lines shown.", MODEL_TREE_LINES)
