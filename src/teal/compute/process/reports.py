"""What a scoring server says of its own start, and why an instance ended; called by compute/process/instance.py."""

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from teal.compute.process.directories import Exit
from teal.domain.failures import Failure
from teal.domain.instances import PhaseTime

PORT_TAKEN = "PortTaken"
BOOT_FAILURE_EXIT_CODE = 3
"""The reference server's exit code for a worker that could not boot (`spec/wire.md` §7.1)."""


@dataclass(frozen=True, slots=True)
class BootReport:
    """The latest report of one start."""

    phase: str
    phases: tuple[PhaseTime, ...]
    failure: Failure | None


def load_report(path: Path) -> BootReport | None:
    """The report as it is now; None before the first one. A report in no known form counts as none."""
    try:
        content = json.loads(path.read_bytes())
        error = content.get("error")
        return BootReport(
            phase=str(content["phase"]),
            phases=tuple(PhaseTime(str(one["name"]), float(one["started_at"])) for one in content.get("phases") or ()),
            failure=Failure(
                code=str(error["code"]),
                message=str(error["message"]),
                traceback=error.get("traceback"),
                hint=error.get("hint"),
            )
            if error
            else None,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_permanent(report: BootReport | None, ended: Exit | None) -> bool:
    """Whether starting again is pointless: the server said that this script cannot be started, and ended for that."""
    if report is None or report.failure is None or ended is None:
        return False
    return ended.exit_code == BOOT_FAILURE_EXIT_CODE and report.failure.code != PORT_TAKEN


def build_exit_failure(
    report: BootReport | None, ended: Exit | None, *, memory_bytes: int | None, limit_bytes: int | None, log_tail: str
) -> Failure:
    """Why an instance is no longer there, from everything that is left of it."""
    exit_code = ended.exit_code if ended else None
    signal_name = signal.Signals(ended.signal).name if ended and ended.signal else None
    evidence = log_tail or None
    if memory_bytes is not None and limit_bytes is not None:
        return Failure(
            code="OutOfMemory",
            message=f"The instance used {_format_gib(memory_bytes)} of memory; its instance type allows "
            f"{_format_gib(limit_bytes)}.",
            signal=signal_name,
            log_tail=evidence,
            hint="Choose a larger instance_type, a smaller model, or fewer workers.",
        )
    if report is not None and report.failure is not None:
        return Failure(
            code=report.failure.code,
            message=report.failure.message,
            hint=report.failure.hint,
            traceback=report.failure.traceback,
            exit_code=exit_code,
            signal=signal_name,
            log_tail=evidence,
        )
    when = "while it was in service" if report is not None and report.phase == "ready" else "before it was ready"
    if ended is None:
        return Failure(
            code="InstanceExited",
            message=f"The process that watches the instance was killed {when}, and the instance ended with it.",
            log_tail=evidence,
        )
    return Failure(
        code="InstanceExited",
        message=f"The instance ended {when}.",
        exit_code=exit_code,
        signal=signal_name,
        log_tail=evidence,
        hint=_HINTS.get(signal_name or "", _EXIT_HINT if exit_code is not None else None),
    )


# --- private

_HINTS = {
    "SIGKILL": "Nothing of Teal's killed it: the system may have run out of memory.",
    "SIGSEGV": "A native library crashed; the last log lines show where.",
    "SIGABRT": "A native library gave up; the last log lines show why.",
    "SIGILL": "A package was built for another processor.",
}
_EXIT_HINT = (
    "The entry script, or a library it uses, ended its own process (sys.exit, os._exit); the last log lines show where."
)


def _format_gib(size: int) -> str:
    return f"{size / 1024**3:.2f} GiB"
