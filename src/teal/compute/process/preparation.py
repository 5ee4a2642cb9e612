"""Everything before a process can start: the files in place, the environment built; called by instance.py."""

import asyncio
import errno
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from packaging.version import Version

from teal.compute.environment_plans import EnvironmentFailed
from teal.compute.environments import BuildListener, BuiltEnvironment, Environments
from teal.compute.placement import PathOutside, apply_copies, apply_links
from teal.compute.process.directories import InstanceDirectory
from teal.domain.failures import Failure
from teal.domain.instances import InstanceSpec
from teal.domain.scoring_scripts import build_missing_failure, find_script_fault


class PreparationFailed(Exception):
    """An instance cannot be prepared. `permanent`: nor will it be by trying again."""

    def __init__(self, failure: Failure, *, permanent: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.permanent = permanent


async def apply_preparation(
    directory: InstanceDirectory,
    spec: InstanceSpec,
    environments: Environments,
    *,
    begin_phase: Callable[[str], None],
    listener: BuildListener,
) -> BuiltEnvironment:
    """Have files and environment ready. Safe to repeat: what is there costs nothing. Raises PreparationFailed."""
    try:
        if directory.load_prepared() is None:
            begin_phase("placing files")
            await _place_files(directory, spec)
        begin_phase("looking up environment")

        def begin_build(python: Version) -> None:
            if spec.scoring_script is not None and not spec.skip_script_validation:
                begin_phase("reading script")
                check_script(directory, spec.scoring_script, python)
            begin_phase("building environment")

        return await environments.build(spec.environment, replace(listener, before_build=begin_build))
    except EnvironmentFailed as refused:
        raise PreparationFailed(refused.failure, permanent=refused.permanent) from None
    except PathOutside as refused:
        raise PreparationFailed(Failure(code="AssetPathInvalid", message=f"{refused}."), permanent=True) from None
    except OSError as error:
        raise PreparationFailed(build_disk_failure(error), permanent=False) from error


def check_script(directory: InstanceDirectory, script: str, python: Version) -> None:
    """Refuse a script that cannot serve before minutes are spent on its environment. Raises PreparationFailed.

    Where the environment is there already, importing the script tells the same as fast.
    """
    path = directory.app_root / script
    if not path.is_file():
        names = (str(file.relative_to(directory.app_root)) for file in sorted(directory.app_root.rglob("*")))
        fault: Failure | None = build_missing_failure(script, ", ".join(islice(names, _LISTED_FILES)))
    else:
        is_known = python.release[:2] <= sys.version_info[:2]
        fault = find_script_fault(path.read_bytes(), script, knows_syntax=is_known)
    if fault is not None:
        raise PreparationFailed(fault, permanent=True)


def build_disk_failure(error: OSError) -> Failure:
    """Why nothing could be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Failure(
            code="DiskFull", message="The instance cannot be prepared: the disk is full.", hint="Free space."
        )
    return Failure(
        code="InstanceFilesFailed", message=f"The instance cannot be prepared: {error.strerror}: {error.filename}."
    )


# --- private

_LISTED_FILES = 20


async def _place_files(directory: InstanceDirectory, spec: InstanceSpec) -> None:
    placing = asyncio.ensure_future(asyncio.to_thread(_place, directory, spec))
    try:
        await asyncio.shield(placing)
    except asyncio.CancelledError:
        # The thread cannot be stopped; it is waited for, so that it never writes into a folder that is being deleted.
        await asyncio.wait({placing})
        raise


def _place(directory: InstanceDirectory, spec: InstanceSpec) -> None:
    if spec.code is not None:
        apply_copies(spec.code.files, directory.app_root)
    if spec.model is not None:
        apply_links(spec.model.files, _make_folder(directory.find_model_dir(spec.model)))


def _make_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
