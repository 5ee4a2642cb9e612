"""A server process with one instance, to be killed by tests; arguments: INSTANCES ENVIRONMENTS WHEEL SCRIPT."""

import asyncio
import sys
from pathlib import Path

from teal.compute.environments import Environments
from teal.compute.process.backend import ProcessBackend
from tests.contract.conftest import build_scripted_command
from tests.contract.test_compute_backend import build_spec


async def serve(instances: str, environments: str, wheel: str, script: str) -> None:
    backend = ProcessBackend(
        Path(instances), Environments(Path(environments), scoring_wheel=Path(wheel)), command=build_scripted_command
    )
    await backend.open()
    await backend.apply(build_spec(script), attempt=1)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
