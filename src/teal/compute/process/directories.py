"""An instance on disk: what is wanted, its files, its runs and how they ended. Everything adoption after a crash needs.

Called by compute/process/instance.py and backend.py. One folder per instance, 0700:

    instance.json        the spec and the attempt, written and renamed before anything else happens
    prepared.json        notes and phases, once the files are placed and the environment is built
    outcome.json         how the last attempt ended
    removing             it is to go, in so many seconds: whoever opens the backend next goes on with that
    app/                 AML_APP_ROOT: the code
    azureml-models/      <name>/<version>/…: the model
    logs/  tmp/
    runs/<n>/            one start: start.json, processes, report.json, grace, exit (by shim.py and the scoring server)
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from teal.compute.process.identities import ProcessIdentity
from teal.domain.failures import Failure
from teal.domain.instances import AssetMount, InstanceSpec, PhaseTime


@validated(frozen=True, slots=True)
class Wanted:
    """What was asked for last."""

    spec: InstanceSpec
    attempt: int


@validated(frozen=True, slots=True)
class Prepared:
    """What preparing brought up."""

    notes: tuple[str, ...]
    phases: tuple[PhaseTime, ...]


@validated(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; no failure when it was asked to end."""

    attempt: int
    failure: Failure | None
    permanent: bool


@validated(frozen=True, slots=True)
class Start:
    """One start of the process."""

    attempt: int
    port: int
    started_at: float


@dataclass(frozen=True, slots=True)
class Exit:
    """What the shim saw at the end."""

    exit_code: int | None
    signal: int | None
    ended_at: float
    dropped_bytes: int


@dataclass(frozen=True, slots=True)
class Processes:
    """Who runs: the shim, and the instance once it has been forked."""

    shim: ProcessIdentity | None
    instance: ProcessIdentity | None


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One start of the process."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def report_path(self) -> Path:
        return self.path / "report.json"

    @property
    def memory_mark_path(self) -> Path:
        """Holds the bytes in use, written before an instance is killed for them."""
        return self.path / "memory"

    def load_start(self) -> Start | None:
        return _load(_START, self.path / "start.json")

    def save_start(self, start: Start) -> None:
        _save(_START, self.path / "start.json", start)

    def load_processes(self) -> Processes | None:
        """None as long as no shim has claimed the run."""
        try:
            text = (self.path / "processes").read_text()
        except FileNotFoundError:
            return None
        found = {}
        for line in text.splitlines(keepends=True):
            words = line.split()
            if line.endswith("\n") and len(words) == 3:
                found[words[0]] = ProcessIdentity(int(words[1]), words[2])
        return Processes(found.get("shim"), found.get("instance"))

    def give_up(self) -> bool:
        """Take the claim of the run, so that a shim still on its way ends by itself; False when the shim was first."""
        try:
            os.close(os.open(self.path / "processes", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def save_grace(self, grace_s: float) -> None:
        _write_whole(self.path / "grace", f"{grace_s:.3f}".encode())

    def load_exit(self) -> Exit | None:
        try:
            fields = dict(word.split("=") for word in (self.path / "exit").read_text().split())
        except FileNotFoundError:
            return None
        number = int(fields["signal"])
        return Exit(
            exit_code=None if number else int(fields["exit_code"]),
            signal=number or None,
            ended_at=float(fields["ended_at"]),
            dropped_bytes=int(fields["dropped_bytes"]),
        )


@dataclass(frozen=True, slots=True)
class InstanceDirectory:
    """One instance."""

    path: Path

    @property
    def instance_id(self) -> str:
        return self.path.name

    @property
    def app_root(self) -> Path:
        return self.path / "app"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    @property
    def server_log(self) -> Path:
        return self.path / "logs/inference-server.log"

    @property
    def preparation_log(self) -> Path:
        return self.path / "logs/storage-initializer.log"

    def find_model_dir(self, model: AssetMount) -> Path:
        """AZUREML_MODEL_DIR (`spec/wire.md` §7.1)."""
        return self.path / "azureml-models" / model.name / model.version

    def create(self) -> None:
        self.path.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.app_root, self.temporary, self.server_log.parent, self.path / "runs"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def load_wanted(self) -> Wanted | None:
        return _load(_WANTED, self.path / "instance.json")

    def save_wanted(self, wanted: Wanted) -> None:
        _save(_WANTED, self.path / "instance.json", wanted)

    def load_prepared(self) -> Prepared | None:
        return _load(_PREPARED, self.path / "prepared.json")

    def save_prepared(self, prepared: Prepared) -> None:
        _save(_PREPARED, self.path / "prepared.json", prepared)

    def load_outcome(self) -> Outcome | None:
        return _load(_OUTCOME, self.path / "outcome.json")

    def save_outcome(self, outcome: Outcome) -> None:
        _save(_OUTCOME, self.path / "outcome.json", outcome)

    def begin_run(self, start: Start) -> RunDirectory:
        """A new run after all others; of those only the last is kept."""
        earlier = self._find_runs()
        run = RunDirectory(self.path / "runs" / str(earlier[-1].number + 1 if earlier else 1))
        run.path.mkdir(mode=0o700)
        run.save_start(start)
        for old in earlier[:-1]:
            shutil.rmtree(old.path, ignore_errors=True)
        return run

    def find_last_run(self) -> RunDirectory | None:
        runs = self._find_runs()
        return runs[-1] if runs else None

    def load_removal(self) -> float | None:
        """The grace time with which it is to be removed, None when it is to stay."""
        try:
            return float((self.path / "removing").read_text())
        except FileNotFoundError:
            return None

    def save_removal(self, grace_s: float) -> None:
        _write_whole(self.path / "removing", f"{grace_s:.3f}".encode())

    def delete(self) -> None:
        """The folder with everything in it, also where a script has taken the rights to its own folders away."""
        shutil.rmtree(self.path, ignore_errors=True)
        for folder, _, _ in os.walk(self.path):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.path, ignore_errors=True)

    # --- private

    def _find_runs(self) -> list[RunDirectory]:
        try:
            names = [entry.name for entry in os.scandir(self.path / "runs") if entry.name.isdigit()]
        except FileNotFoundError:
            return []
        return [RunDirectory(self.path / "runs" / name) for name in sorted(names, key=int)]


T = TypeVar("T")

_WANTED = TypeAdapter(Wanted)
_PREPARED = TypeAdapter(Prepared)
_OUTCOME = TypeAdapter(Outcome)
_START = TypeAdapter(Start)


def _load(adapter: TypeAdapter[T], path: Path) -> T | None:
    """None for a file that is not there, or was cut off by a full disk before the rename could protect it."""
    try:
        return adapter.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _save(adapter: TypeAdapter[T], path: Path, value: T) -> None:
    _write_whole(path, adapter.dump_json(value, indent=1))


def _write_whole(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.rename(path)
