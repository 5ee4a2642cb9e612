"""Makes one step of the schedule happen. Called by run.py in a thread, one step at a time.

Before a fault the ledger is told what it may cost; everything else may cost nothing.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from soak.counting import Counting
from soak.http1 import BROKEN
from soak.ledger import Answered, Fault, Ledger
from soak.schedule import Kind, Step
from soak.subject import Subject
from teal.gateway.clusters import MAX_MIRRORED_BODY_BYTES
from teal.sdk.errors import OperationFailed
from tests.harness.waiting import wait_until_sync

SENT_WITHIN_S = 0.5
NOTICED_WITHIN_S = 1.0
# The gateway keeps as much of a body as it copies.
KEPT_BYTES = MAX_MIRRORED_BODY_BYTES

Clock = Callable[[], float]


class Steps:
    """Applies steps to one subject."""

    def __init__(self, subject: Subject, ledger: Ledger, clock: Clock) -> None:
        self._subject = subject
        self._ledger = ledger
        self._clock = clock
        self._counting = Counting(subject, ledger, clock)

    def apply(self, step: Step) -> None:
        """Return when the step is done and in force; raises when the server refuses it or never gets there."""
        match step.kind:
            case Kind.SHIFT | Kind.ROLLBACK | Kind.MIRROR_ON | Kind.MIRROR_OFF | Kind.RETRY | Kind.STICK:
                self._subject.put_endpoint(step.after)
            case Kind.COUNT:
                self._counting.run(step.after)
            case Kind.DELETE:
                # Whoever has named it has sent its headers by then.
                time.sleep(SENT_WITHIN_S)
                self._counting.forget()
                self._subject.delete_deployment(_name(step))
            case Kind.FAIL_UPDATE:
                self._fail_update(step)
            case Kind.ROTATE_KEY:
                self._rotate_key()
            case Kind.KILL_SERVER:
                self._subject.kill_server()
                self._subject.start_server()
            case Kind.UPGRADE:
                self._subject.let_go_server()
                self._subject.use_other_copy()
                self._subject.start_server()
            case Kind.REPLACE_GATEWAY:
                self._replace_gateway()
            case Kind.FILL_LOGS:
                self._fill_logs()
            case Kind.KILL_GATEWAY:
                self._kill_gateway()
            case Kind.TERMINATE_INSTANCE | Kind.KILL_INSTANCE | Kind.FREEZE_INSTANCE:
                self._hit_instance(step)
            case _:
                self._subject.put_deployment(_name(step), step.after.deployments[_name(step)])

    # --- private

    def _fail_update(self, step: Step) -> None:
        """A revision whose init() raises: refused, while the one before it serves on; then back to what was."""
        name = _name(step)
        with suppress(OperationFailed):
            self._subject.put_deployment(name, step.before.deployments[name], {"FAIL": "1"})
            raise AssertionError("a deployment whose init() raises was taken for a good one")
        self._subject.put_deployment(name, step.after.deployments[name])

    def _rotate_key(self) -> None:
        self._subject.leave_key()
        # Whoever has read the old key has sent its headers by then; a body or an answer may take as long as it likes.
        time.sleep(SENT_WITHIN_S)
        self._subject.regenerate_key()

    def _fill_logs(self) -> None:
        """Whoever writes logs finds no more room in any file; Python and Envoy see the same error as on a full disk."""
        limited = []
        for process in self._subject.writers():
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
                limited.append((process.pid, hard))
        answered = sum(self._ledger.outcomes.values())
        try:
            wait_until_sync(lambda: sum(self._ledger.outcomes.values()) > answered + 50, 60)
        finally:
            for pid, hard in limited:
                with suppress(ProcessLookupError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def _replace_gateway(self) -> None:
        """Other settings of Envoy's. The old one leaves when its last stream has ended, whatever happens meanwhile."""
        before = self._subject.gateways()
        self._subject.let_go_server()
        self._subject.change_gateway_settings()
        self._subject.start_server()
        assert set(self._subject.gateways()[:1]) - set(before), "the gateway was not replaced"

    def _kill_gateway(self) -> None:
        """What it has in its hands is lost. Who connects afterwards waits for the next one and is not refused; only who
        has not noticed yet that a kept connection has ended may still send into it."""
        died_at = float("inf")

        def is_lost(answered: Answered) -> bool:
            was_in_hand = answered.asked.sent_at <= died_at
            return answered.status is None and (was_in_hand or answered.problem.startswith(BROKEN))

        self._counting.forget()
        self._press()
        fault = self._begin_fault(str(Kind.KILL_GATEWAY), is_lost)
        fault.cuts = True
        killed = self._subject.kill_gateway()
        wait_until_sync(lambda: not _is_alive(killed), 10, every_s=0.001)
        died_at = self._clock()
        fault.ended_at = died_at + NOTICED_WITHIN_S
        self._subject.wait_for_gateway()

    def _hit_instance(self, step: Step) -> None:
        name = _name(step)
        wanted = step.before.deployments[name].instances
        self._subject.wait_until_whole(name, wanted)
        victim = self._subject.instances(name)[0]
        number = _SIGNALS[step.kind]
        self._press()
        if step.kind is Kind.TERMINATE_INSTANCE:
            os.kill(victim.pid, number)
        elif step.kind is Kind.KILL_INSTANCE:
            excuses = _is_lost_though_idempotent if step.before.idempotent else _is_lost_instance
            fault = self._begin_fault(step.words, excuses, repeats=step.before.idempotent)
            os.kill(victim.pid, number)
            # Only what was asked while it lived can have been in its hands. Its sockets are closed by the last of its
            # threads, when the first may be a zombie already; it is gone once it could be reaped.
            wait_until_sync(lambda: not psutil.pid_exists(victim.pid), 10, every_s=0.001)
            fault.ended_at = self._clock()
        else:
            # Whoever is sent to it until its probes fail waits for it, until the time limit or until it is replaced.
            self._begin_fault(step.words, _is_lost_or_late, repeats=step.before.idempotent)
            os.kill(victim.pid, number)
            wait_until_sync(lambda: not self._subject.takes_requests(name, victim), 60)
        if step.kind is Kind.TERMINATE_INSTANCE:
            # It stays for the streams in its hands, which may take minutes.
            wait_until_sync(lambda: not _is_alive(victim) or not self._subject.takes_requests(name, victim), 60)
        self._subject.wait_until_whole(name, wanted)
        for fault in self._ledger.faults:
            fault.ended_at = min(fault.ended_at, self._clock())

    def _press(self) -> None:
        """Wait until half of all clients have a request in hand that takes a while."""
        ledger = self._ledger
        ledger.is_pressed = True
        try:
            wait_until_sync(
                lambda: 2 * sum(one.work_s > 0 for one in tuple(ledger.outstanding.values())) >= ledger.clients, 30
            )
        finally:
            ledger.is_pressed = False

    def _begin_fault(self, words: str, excuses: Callable[[Answered], bool], *, repeats: bool = False) -> Fault:
        in_hand = len(self._ledger.outstanding)
        fault = Fault(words, self._clock(), excuses, in_hand, repeats=repeats)
        if repeats:
            self._ledger.repeatable |= self._ledger.outstanding.keys()
        self._ledger.faults.append(fault)
        return fault


# --- private

_SIGNALS = {
    Kind.TERMINATE_INSTANCE: signal.SIGTERM,
    Kind.KILL_INSTANCE: signal.SIGKILL,
    Kind.FREEZE_INSTANCE: signal.SIGSTOP,
}


def _name(step: Step) -> str:
    assert step.deployment is not None
    return step.deployment


def _is_lost_instance(answered: Answered) -> bool:
    """A streamed answer that has begun can only be cut."""
    is_cut_stream = answered.asked.pieces > 0 and answered.status is None
    return is_cut_stream or (answered.status == 424 and answered.code == "InstanceLost")


def _is_lost_though_idempotent(answered: Answered) -> bool:
    """Sent to another instance, unless it was too large to be kept until then."""
    return _is_lost_instance(answered) and (answered.asked.pieces > 0 or answered.asked.bytes > KEPT_BYTES)


def _is_lost_or_late(answered: Answered) -> bool:
    return _is_lost_instance(answered) or (answered.status == 408 and answered.code == "RequestTimeout")


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
