"""The small parent of one instance: its logs and its exit status survive a killed server (containerd-shim's idea).

Run by compute/process/launch.py as `python -I -S shim.py RUN_DIR WORKING_DIR LOG_FILE MAX_BYTES KEPT_FILES COMMAND…`,
never imported. Standard library only. Its environment is the instance's.

What can happen next, in the loop: the instance writes; SIGTERM asks for an end; the grace time is over; it has ended.
In RUN_DIR it writes `processes` (who it is, then who the instance is; creating it is the claim to the run) and at the
end `exit`; it reads `grace` (seconds) whenever it is asked to end.
"""

import ctypes
import os
import select
import signal
import sys
import time

DEFAULT_GRACE_S = 10.0
READ_BYTES = 65536
RECORD_BYTES = 256
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, CAP_DAC_OVERRIDE = 1, 24, 36, 1


class RotatedLog:
    """A file and its predecessors `.1`, `.2`, …. A full disk loses output, counted; it never stops the instance."""

    def __init__(self, path: str, max_bytes: int, kept_files: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.kept_files = kept_files
        self.dropped_bytes = 0
        self._untold_bytes = 0
        self._file = -1
        self._size = 0

    def write(self, data: bytes) -> None:
        if self._untold_bytes and self._append(b"[teal] %d bytes of output were lost\n" % self._untold_bytes):
            self._untold_bytes = 0
        if not self._append(data):
            self.dropped_bytes += len(data)
            self._untold_bytes += len(data)

    def _append(self, data: bytes) -> bool:
        try:
            if self._file >= 0 and self._size + len(data) > self.max_bytes:
                self._rotate()
            if self._file < 0:
                self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                self._size = os.fstat(self._file).st_size
            while data:
                written = os.write(self._file, data)
                self._size += written
                data = data[written:]
        except OSError:
            return False
        return True

    def _rotate(self) -> None:
        os.close(self._file)
        self._file = -1
        for number in range(self.kept_files - 1, 0, -1):
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            if os.path.exists(newer):
                os.replace(newer, f"{self.path}.{number}")


class Shim:
    """One instance from its start to its exit record."""

    def __init__(self, run_dir: str, working_dir: str, log: RotatedLog, command: list[str]) -> None:
        self.run_dir = run_dir
        self.working_dir = working_dir
        self.log = log
        self.command = command
        self.instance = 0
        self.status: int | None = None
        self.deadline = float("inf")

    def run(self) -> None:
        wake = self._catch_signals()
        try:
            processes = os.open(f"{self.run_dir}/processes", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except (FileExistsError, FileNotFoundError):
            return  # the run was given up, or its instance removed, before we came to it
        os.write(processes, b"shim %d %s\n" % (os.getpid(), observe_birth(os.getpid())))
        # The exit record gets its place on the disk now: on a full one it is the record that matters most.
        record = os.open(f"{self.run_dir}/exit.new", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(record, b" " * RECORD_BYTES)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        output = self._start()
        os.write(processes, b"instance %d %s\n" % (self.instance, observe_birth(self.instance)))
        status = self._watch(output, wake)
        words = b"exit_code=%d signal=%d ended_at=%.3f dropped_bytes=%d\n" % (
            max(status, 0),
            max(-status, 0),
            time.time(),
            self.log.dropped_bytes,
        )
        os.pwrite(record, words.ljust(RECORD_BYTES), 0)
        os.replace(f"{self.run_dir}/exit.new", f"{self.run_dir}/exit")

    def _catch_signals(self) -> int:
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        return wake_read

    def _start(self) -> int:
        read_end, write_end = os.pipe()
        shim = os.getpid()
        # A SIGTERM that comes before the child has its default handlers back waits instead of being swallowed.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self.instance = os.fork()
        if self.instance == 0:
            self._become_instance(write_end, shim)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(write_end)
        os.set_blocking(read_end, False)
        return read_end

    def _become_instance(self, output: int, shim: int) -> None:
        try:
            os.setpgid(0, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(self.working_dir)
            if os.geteuid() == 0:
                # Root writes to read-only files, and the model's are shared: without this, modes count for root too.
                prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == shim:  # else it was killed before the line above
                os.execv(self.command[0], self.command)
        except OSError as error:
            os.write(2, f"{self.command[0]} cannot be started: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _watch(self, output: int, wake: int) -> int:
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while not self._has_ended():
            left_s = self.deadline - time.monotonic()
            for descriptor, _ in poll.poll(None if left_s == float("inf") else max(left_s, 0) * 1000):
                if descriptor == wake:
                    self._heed(os.read(wake, 4096))
                elif self._pump(output) is False:
                    poll.unregister(output)
            if time.monotonic() >= self.deadline:
                self._signal_group(signal.SIGKILL)
                self.deadline = time.monotonic() + 1
        self._signal_group(signal.SIGKILL)
        if self.status is None:
            _, self.status = os.waitpid(self.instance, 0)
        self._end_descendants()
        while self._pump(output):
            pass
        return os.waitstatus_to_exitcode(self.status)

    def _has_ended(self) -> bool:
        """Looked at without reaping: as long as it is a zombie, the number of its group is not given to another."""
        if hasattr(os, "waitid"):
            return os.waitid(os.P_PID, self.instance, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        reaped, self.status = os.waitpid(self.instance, os.WNOHANG)  # macOS before Python 3.13
        return reaped != 0

    def _heed(self, signals: bytes) -> None:
        if signal.SIGCHLD in signals:
            for child in find_children():
                if child != self.instance:
                    wait_for(child, os.WNOHANG)
        if signal.SIGTERM in signals:
            try:
                with open(f"{self.run_dir}/grace") as file:
                    grace_s = float(file.read())
            except (OSError, ValueError):
                grace_s = DEFAULT_GRACE_S
            self.deadline = min(self.deadline, time.monotonic() + grace_s)
            self._signal_group(signal.SIGTERM)

    def _signal_group(self, number: int) -> None:
        for send in (os.killpg, os.kill):  # it may not have made its group yet
            try:
                send(self.instance, number)
                break
            except (ProcessLookupError, PermissionError):
                continue

    def _pump(self, output: int) -> bool | None:
        """Move what is there to the log. None: nothing there now. False: there will be no more."""
        try:
            data = os.read(output, READ_BYTES)
        except BlockingIOError:
            return None
        if data:
            self.log.write(data)
        return bool(data)

    def _end_descendants(self) -> None:
        """What left the group became our child when its own parent ended; it ends as well."""
        while children := find_children():
            for child in children:
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                wait_for(child, 0)


def find_children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def wait_for(child: int, options: int) -> None:
    try:
        os.waitpid(child, options)
    except ChildProcessError:
        return


def observe_birth(pid: int) -> bytes:
    """What tells a process from a later one with its number: ticks since which boot. Elsewhere the time of day."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat, open("/proc/sys/kernel/random/boot_id", "rb") as boot:
            return stat.read().rpartition(b")")[2].split()[19] + b"@" + boot.read().strip()
    except OSError:
        return b"%.2f" % time.time()


LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def prctl(option: int, value: int) -> None:
    """Linux only; where it is refused, the instance runs without that protection."""
    if LIBC is not None:
        LIBC.prctl(option, value, 0, 0, 0)


def main() -> None:
    run_dir, working_dir, log_file, max_bytes, kept_files, *command = sys.argv[1:]
    if os.getsid(0) != os.getpid():
        os.setsid()
    os.closerange(3, 4096)
    Shim(run_dir, working_dir, RotatedLog(log_file, int(max_bytes), int(kept_files)), command).run()


if __name__ == "__main__":
    main()
