"""Virtual environments from environment definitions, built by uv and kept by content (design D5); called by backends.

One folder per environment, named by the hash of what is in it. It is built under another name and renamed when whole,
so a folder with that name is always complete. One build at a time per hash: among tasks by a shared task, among
processes by a lock that uv itself holds too, so that what a killed server was building is waited for, not trodden on.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from teal.compute.conda import parse_requirement_name
from teal.compute.environment_plans import (
    EnvironmentFailed,
    EnvironmentPlan,
    build_plan,
    build_python_failure,
    build_unknown_failure,
    build_uv_failure,
    parse_definition,
)
from teal.compute.interpreters import (
    Interpreter,
    InterpreterChoice,
    InterpreterNotFound,
    PythonMode,
    choose_interpreter,
    observe_interpreters,
)
from teal.compute.package_index import build_uv_variables, load_pip_settings
from teal.compute.uv import UvAnswer, UvRefusal, assess_refusal, find_unknown_packages, run_uv
from teal.domain.failures import Failure
from teal.domain.instances import EnvironmentDefinition


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """A whole environment. `notes` say where it differs from what was asked for."""

    python: Path
    python_version: Version
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildListener:
    """Who hears of a build: `progress` a few words on what is going on, `log` every line for the preparation log.

    `before_build` is given the version of Python once it is clear that the environment is not there yet; what it
    raises keeps the build from being begun.
    """

    progress: Callable[[str], None]
    log: Callable[[str], None]
    before_build: Callable[[Version], None] = lambda _python: None


class Environments:
    """The environments of one data directory.

    `model_constraints` and `model_overrides` are files that may exist: lines for the environments of all MLflow models,
    whose own files cannot be changed once they are registered.
    """

    def __init__(
        self,
        directory: Path,
        *,
        scoring_wheel: Path | None = None,
        python_mode: PythonMode = "nearest",
        allow_python_downloads: bool = False,
        model_constraints: Path | None = None,
        model_overrides: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._directory = directory
        self._scoring_wheel = scoring_wheel
        self._python_mode = python_mode
        self._allow_python_downloads = allow_python_downloads
        self._model_constraints = model_constraints
        self._model_overrides = model_overrides
        self._environ = environ
        self._home = Path(environ.get("HOME") or Path.home())
        self._interpreters: tuple[Interpreter, ...] | None = None
        self._observing: asyncio.Task[tuple[Interpreter, ...]] | None = None
        self._wheel_hash: str | None = None
        self._builds: dict[str, _Build] = {}

    async def open(self) -> None:
        """Clear what an interrupted build left behind, unless that build is still going on."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._directory.glob(f"*{_UNFINISHED}"):
            lock = _try_lock(self._lock_path(leftover.name.removesuffix(_UNFINISHED)))
            if lock is not None:
                await asyncio.to_thread(shutil.rmtree, leftover, ignore_errors=True)
                os.close(lock)

    def look_for_interpreters(self) -> None:
        """Begin to ask for them, a dozen programs: so the first deployment after a start need not wait for that."""
        if self._observing is None:
            self._observing = asyncio.create_task(
                observe_interpreters(self._environ, self._home), name="look for interpreters"
            )

    async def close(self) -> None:
        """End the builds that are going on; what they have downloaded stays in uv's cache."""
        if self._observing is not None:
            await asyncio.wait({self._observing})
        tasks = [build.task for build in self._builds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def build(self, definition: EnvironmentDefinition, listener: BuildListener) -> BuiltEnvironment:
        """The environment of a definition, from the cache when it is there. Raises EnvironmentFailed."""
        plan = await self._plan(definition, listener)
        for note in plan.notes:
            listener.log(f"note: {note}")
        if built := self._load(plan):
            listener.log(f"environment {plan.key}: Python {plan.choice.interpreter.version}, already built")
            return built
        listener.before_build(plan.choice.interpreter.version)
        build = self._builds.get(plan.key)
        if build is None:
            build = _Build()
            build.task = asyncio.create_task(self._build(plan, build), name=f"environment {plan.key}")
            build.task.add_done_callback(lambda _: self._builds.pop(plan.key, None))
            self._builds[plan.key] = build
        build.listeners.append(listener)
        try:
            # Whoever stops waiting does not end the build for the others.
            return await asyncio.shield(build.task)
        finally:
            build.listeners.remove(listener)

    # --- private

    async def _plan(self, definition: EnvironmentDefinition, listener: BuildListener) -> EnvironmentPlan:
        parsed = parse_definition(definition)
        overrides: tuple[str, ...] = ()
        if definition.model_files is not None:
            more = _load_lines(self._model_constraints)
            requirements = replace(parsed.requirements, constraints=(*parsed.requirements.constraints, *more))
            parsed = replace(parsed, requirements=requirements)
            overrides = _load_lines(self._model_overrides)
        wheel = self._scoring_wheel or _find_scoring_wheel()
        if self._wheel_hash is None:
            self._wheel_hash = hashlib.sha256(await asyncio.to_thread(wheel.read_bytes)).hexdigest()
        try:
            choice = await self._choose_interpreter(parsed.requirements.python, listener)
        except InterpreterNotFound as error:
            raise build_python_failure(definition.label, parsed.requirements, error.found) from None
        return build_plan(
            definition,
            parsed,
            choice,
            overrides=overrides,
            scoring_wheel=wheel,
            scoring_wheel_hash=self._wheel_hash,
            machine=platform.machine(),
        )

    async def _choose_interpreter(self, pin: SpecifierSet | None, listener: BuildListener) -> InterpreterChoice:
        own = Version(platform.python_version().rstrip("+"))
        if self._interpreters is None and self._observing is not None:
            self._interpreters = await asyncio.shield(self._observing)
        elif self._interpreters is None:
            self._interpreters = await observe_interpreters(self._environ, self._home)
        if self._allow_python_downloads and not _is_satisfied(pin, self._interpreters, own):
            listener.progress("downloading Python")
            await run_uv(
                ["python", "install", "--no-bin", f"cpython{pin or ''}"],
                variables=self._uv_variables() | {"UV_PYTHON_DOWNLOADS": "automatic"},
                on_line=listener.log,
            )
            self._interpreters = await observe_interpreters(self._environ, self._home)
        return choose_interpreter(pin, self._interpreters, mode=self._python_mode, preferred=own)

    def _load(self, plan: EnvironmentPlan) -> BuiltEnvironment | None:
        folder = self._directory / plan.key
        try:
            record = json.loads((folder / _RECORD).read_text())
        except FileNotFoundError:
            return None
        python = folder / "bin/python"
        if not python.exists():  # the interpreter it was made from has been uninstalled
            return None
        return BuiltEnvironment(python, plan.choice.interpreter.version, (*plan.notes, *record["notes"]))

    async def _build(self, plan: EnvironmentPlan, build: "_Build") -> BuiltEnvironment:
        async with self._locked(plan.key, build) as lock:
            if built := self._load(plan):
                return built
            unfinished = self._directory / f"{plan.key}{_UNFINISHED}"
            try:
                for stale in (unfinished, self._directory / plan.key):
                    await asyncio.to_thread(shutil.rmtree, stale, ignore_errors=True)
                notes = await self._install(plan, unfinished, build, lock)
                unfinished.rename(self._directory / plan.key)
            except OSError as error:
                raise EnvironmentFailed(
                    Failure(
                        code="EnvironmentBuildFailed",
                        message=f"Environment {plan.label} cannot be written to {self._directory}: {error.strerror}.",
                    ),
                    permanent=False,
                ) from error
            finally:
                await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        return BuiltEnvironment(
            self._directory / plan.key / "bin/python", plan.choice.interpreter.version, plan.notes + notes
        )

    async def _install(self, plan: EnvironmentPlan, folder: Path, build: "_Build", lock: int) -> tuple[str, ...]:
        """Make the environment in `folder`; the answer are the notes that only building it brought up."""
        build.log(f"building environment {plan.key} with Python {plan.choice.interpreter.version}")
        build.progress("resolving packages")
        interpreter = plan.choice.interpreter.path
        await self._run(
            plan, ["venv", "--relocatable", "--no-python-downloads", "--python", interpreter, str(folder)], build, lock
        )
        packages = plan.requirements.packages
        notes: tuple[str, ...] = ()
        answer = await self._install_packages(plan, packages, folder, build, lock)
        reference = [line for line in packages if parse_requirement_name(line) in _REFERENCE_SERVER]
        if _is_about_packages(answer) and reference:
            packages = tuple(line for line in packages if line not in reference)
            build.log(f"trying again without {', '.join(reference)}: teal-scoring takes its place")
            answer = await self._install_packages(plan, packages, folder, build, lock)
            notes = (
                f"{', '.join(reference)} cannot be installed with Python {plan.choice.interpreter.version} and was "
                "left out; teal-scoring takes its place",
            )
        if answer.exit_code != 0:
            raise await self._explain(plan, packages, answer, folder, build, lock)
        frozen = await self._run(
            plan, ["pip", "freeze", "--python", str(folder / "bin/python")], build, lock, quiet=True
        )
        record = {
            "label": plan.label,
            "python": str(plan.choice.interpreter.version),
            "requirements": list(plan.requirements.packages),
            "packages": [line for line in frozen.output.splitlines() if "==" in line or " @ " in line],
            "notes": list(notes),
        }
        (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")
        return notes

    async def _install_packages(
        self,
        plan: EnvironmentPlan,
        packages: tuple[str, ...],
        folder: Path,
        build: "_Build",
        lock: int,
        *,
        dry: bool = False,
    ) -> UvAnswer:
        """One resolve over the user's packages and teal-scoring. Without an index, what uv has in its cache may do."""
        wanted = folder / "requirements.txt"
        scoring = f"teal-scoring @ {plan.scoring_wheel.resolve().as_uri()}"
        wanted.write_text("\n".join([*plan.requirements.options, *packages, scoring]) + "\n")
        arguments = ["pip", "install", "--python", str(folder / "bin/python"), "--requirements", str(wanted)]
        arguments += ["--index-strategy", "unsafe-best-match"] if plan.requirements.options else []
        for option, lines in (("constraint", plan.requirements.constraints), ("override", plan.overrides)):
            if lines:
                (folder / f"{option}s.txt").write_text("\n".join(lines) + "\n")
                arguments += [f"--{option}", str(folder / f"{option}s.txt")]
        arguments += [*plan.requirements.flags, *(["--dry-run"] if dry else [])]
        answer = await self._run_uv(arguments, build, lock, quiet=dry)
        if answer.exit_code != 0 and assess_refusal(answer.output) is UvRefusal.INDEX_UNREACHABLE:
            build.log("the package index cannot be reached; trying with what was downloaded before")
            offline = await self._run_uv([*arguments, "--offline"], build, lock, quiet=True)
            return offline if offline.exit_code == 0 else answer
        return answer

    async def _explain(
        self,
        plan: EnvironmentPlan,
        packages: tuple[str, ...],
        answer: UvAnswer,
        folder: Path,
        build: "_Build",
        lock: int,
    ) -> EnvironmentFailed:
        """uv names the first unknown package only; people want to hear of all of them at once."""
        guessed = dict(plan.requirements.from_conda)
        unknown: list[str] = []
        found = answer
        while new := [name for name in find_unknown_packages(found.output) if name in guessed]:
            unknown += [guessed[name] for name in new]
            packages = tuple(line for line in packages if parse_requirement_name(line) not in new)
            found = await self._install_packages(plan, packages, folder, build, lock, dry=True)
        if unknown:
            return build_unknown_failure(plan.label, tuple(unknown))
        return build_uv_failure(plan, answer.output)

    async def _run(
        self, plan: EnvironmentPlan, arguments: list[str], build: "_Build", lock: int, *, quiet: bool = False
    ) -> UvAnswer:
        answer = await self._run_uv(arguments, build, lock, quiet=quiet)
        if answer.exit_code != 0:
            raise build_uv_failure(plan, answer.output)
        return answer

    async def _run_uv(self, arguments: list[str], build: "_Build", lock: int, *, quiet: bool = False) -> UvAnswer:
        return await run_uv(
            arguments,
            variables=self._uv_variables(),
            on_line=_ignore if quiet else build.hear_uv,
            held_fd=lock,
        )

    def _uv_variables(self) -> dict[str, str]:
        variables = build_uv_variables(self._environ, load_pip_settings(self._environ, self._home))
        # uv's own choice falls back from clone to copy where links would do; links make the second environment instant.
        return {"UV_LINK_MODE": "hardlink", "UV_PYTHON_DOWNLOADS": "never"} | variables

    def _lock_path(self, key: str) -> Path:
        return self._directory / f"{key}.lock"

    @asynccontextmanager
    async def _locked(self, key: str, build: "_Build") -> AsyncIterator[int]:
        while (lock := _try_lock(self._lock_path(key))) is None:
            build.progress("waiting for another build of it")
            await asyncio.sleep(_LOCK_EVERY_S)
        try:
            yield lock
        finally:
            os.close(lock)


_UNFINISHED = ".building"
_RECORD = "environment.json"
_LOCK_EVERY_S = 0.1
_REFERENCE_SERVER = frozenset({"azureml-defaults", "azureml-inference-server-http"})


@dataclass(slots=True)
class _Build:
    """A build that is going on, and everybody who waits for it."""

    listeners: list[BuildListener] = field(default_factory=list)
    task: "asyncio.Task[BuiltEnvironment]" = field(init=False)

    def progress(self, words: str) -> None:
        for listener in self.listeners:
            listener.progress(words)

    def log(self, line: str) -> None:
        for listener in self.listeners:
            listener.log(line)

    def hear_uv(self, line: str) -> None:
        self.log(line)
        first, _, rest = line.strip().partition(" ")
        if first == "Resolved":
            self.progress(f"downloading and installing {rest.partition(' in ')[0]}")
        elif first in {"Downloading", "Building"}:
            self.progress(f"{first.lower()} {rest}")
        elif first == "Prepared":
            self.progress("installing packages")


def _ignore(_line: str) -> None:
    pass


def _load_lines(path: Path | None) -> tuple[str, ...]:
    """The lines of a requirements file that say something; none when there is no such file."""
    try:
        text = path.read_text() if path else ""
    except FileNotFoundError:
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def _try_lock(path: Path) -> int | None:
    """An open file that holds the lock, or None when somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _find_scoring_wheel() -> Path:
    wheels = sorted(
        (Path(__file__).parent / "wheels").glob("teal_scoring-*.whl"), key=lambda path: path.stat().st_mtime
    )
    if not wheels:
        raise EnvironmentFailed(
            Failure(
                code="ScoringWheelMissing",
                message="This installation of Teal lacks the wheel of teal-scoring, which every instance needs.",
                hint="In a checkout run `make setup`; else install teal-endpoints again.",
            ),
            permanent=True,
        )
    return wheels[-1]


def _is_satisfied(pin: SpecifierSet | None, found: tuple[Interpreter, ...], own: Version) -> bool:
    try:
        return choose_interpreter(pin, found, mode="exact", preferred=own).as_asked
    except InterpreterNotFound:
        return False


def _is_about_packages(answer: UvAnswer) -> bool:
    return answer.exit_code != 0 and assess_refusal(answer.output) in {
        UvRefusal.UNRESOLVABLE,
        UvRefusal.PACKAGE_UNKNOWN,
        UvRefusal.BUILD_FAILED,
    }
