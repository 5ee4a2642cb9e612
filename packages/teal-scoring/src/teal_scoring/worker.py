"""The life of one worker: import the script, init(), serve, stop. Called by __main__ or, per process, supervisor.py."""

import asyncio
import functools
import logging
import os
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from .access_log import AccessLog
from .admission import Scoring
from .capture import Capture
from .capture_sinks import open_sink
from .debugger import attach_debugger
from .exchange import Exchange
from .flask_context import FlaskContexts, wants_flask
from .http import MoreRoutes, ScoringApp
from .inputs import RawHttpStyle
from .invocation import Invocation
from .logs import apply_logging_file, writes_plainly
from .report import IMPORTING, INITIALISING, READY, BootReport
from .scoring_loop import ScoringLoop, run_init_on
from .scoring_threads import ScoringThreads
from .server import ScoringServer, start_listening
from .settings import Settings
from .stand_ins import install_stand_ins
from .start_watch import StartWatch
from .swagger import Schemas, Swagger, find_script_schemas
from .user_script import (
    MODEL_TREE_LINES,
    UserScript,
    UserScriptInitFailed,
    call_init,
    load_user_script,
    walk_folder,
)

logger = logging.getLogger("azmlinfsrv")


def run_worker(settings: Settings, listeners: Sequence[socket.socket], report: BootReport) -> int:
    """Serve until told to stop; the exit status. Raises BootFailed.

    Belongs on the main thread, which also runs the script. Until init() has returned, a signal has its plain effect:
    it ends the process at once.
    """
    report.begin(IMPORTING)
    install_stand_ins()
    apply_logging_file(_logging_folders(settings))
    attach_debugger(settings.debug_port)
    with StartWatch(settings, report):
        load = _load_mlflow_model if settings.mlflow_model else _load_script
        served = load(settings, report)
    scoring = served.scoring
    capture = _open_capture(settings)
    app = ScoringApp(
        scoring,
        settings,
        methods=served.methods,
        swagger=Swagger(settings, served.find_schemas),
        access_log=AccessLog(writes_plainly),
        capture=capture,
        new_id=build_id_source(random.Random()),
        more=served.routes,
    )
    for listener in listeners:
        start_listening(listener)

    def begin_ready() -> None:
        report.begin(READY)
        logger.info("Worker with pid %d ready for serving traffic", os.getpid())

    server = ScoringServer(app, scoring, listeners, stop_grace_s=settings.stop_grace_s, on_ready=begin_ready)
    logger.info("Scoring timeout is set to %d", settings.scoring_timeout_ms)
    if capture is not None:
        capture.start()
    server.start()
    scoring.run_on_main_thread()
    status = server.join()
    if capture is not None:
        capture.stop()
    return status


def build_id_source(source: random.Random) -> Callable[[], str]:
    """Random ids in the form of UUIDs of version 4. Not from the system's source, which costs a call for each."""

    def new_id() -> str:
        bits = source.getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | (0x4 << 76 | 0x2 << 62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    return new_id


# --- private


@dataclass(frozen=True)
class _Served:
    """A script or a model that can be asked now."""

    scoring: Scoring[Exchange]
    methods: frozenset[str]
    find_schemas: Callable[[], Schemas]
    routes: MoreRoutes | None = None


def _load_script(settings: Settings, report: BootReport) -> _Served:
    script = load_user_script(settings.entry_script, settings.app_root, settings.source_directory)
    report.begin(INITIALISING)
    scoring = _initialise(script, settings)
    return _Served(scoring, script.style.methods, functools.partial(find_script_schemas, script.run))


def _load_mlflow_model(settings: Settings, report: BootReport) -> _Served:
    from .mlflow_serving import load_serving  # for its pandas and mlflow, which no script should pay for

    assert settings.mlflow_model is not None
    report.begin(INITIALISING)
    serving = load_serving(settings.mlflow_model, settings.model_dir)
    scoring = ScoringThreads[Exchange](lambda exchange: exchange.work(serving.invocation), **_build_limits(settings))
    return _Served(scoring, frozenset({"POST"}), lambda: serving.schemas, serving.routes)


def _build_limits(settings: Settings) -> dict[str, Any]:
    return {
        "limit": settings.max_concurrent_per_worker,
        "queue": settings.max_queued_per_worker,
        "timeout_s": settings.scoring_timeout_ms / 1e3,
    }


def _initialise(script: UserScript, settings: Settings) -> Scoring[Exchange]:
    """init(), and then the place where run() will happen."""
    own_loop = asyncio.new_event_loop()
    try:
        call_init(script, settings.model_dir, functools.partial(run_init_on, own_loop))
    except UserScriptInitFailed:
        _log_model_folder(settings.model_dir)
        raise
    is_raw = isinstance(script.style, RawHttpStyle)
    around = FlaskContexts().around if wants_flask(script.module, is_raw=is_raw) else None
    invocation = Invocation(script, around)
    limits = _build_limits(settings)
    if script.is_async:
        return ScoringLoop[Exchange](lambda exchange: exchange.work_async(invocation), own_loop, **limits)
    own_loop.close()
    return ScoringThreads[Exchange](lambda exchange: exchange.work(invocation), **limits)


def _open_capture(settings: Settings) -> Capture | None:
    wanted = settings.capture
    if wanted is None:
        return None
    return Capture(
        open_sink(wanted.target, wanted.max_file_bytes),
        deployment=settings.deployment,
        sample_rate=wanted.sample_rate,
        max_body_bytes=wanted.max_body_bytes,
        max_queue_bytes=wanted.max_queue_bytes,
    )


def _logging_folders(settings: Settings) -> list[Path]:
    folders = [settings.app_root]
    if settings.entry_script:
        folders += [(folder / settings.entry_script).parent for folder in (settings.app_root, Path.cwd())]
    return folders


def _log_model_folder(model_dir: str | None) -> None:
    if not model_dir or not Path(model_dir).is_dir():
        return
    logger.info("Model Directory Contents:")
    lines = walk_folder(Path(model_dir))
    for line in islice(lines, MODEL_TREE_LINES):
        logger.info("%s", line)
    if next(lines, None) is not None:
        logger.info("Output Truncated. First %d lines shown.", MODEL_TREE_LINES)
