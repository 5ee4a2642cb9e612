"""Build hook: the teal-scoring wheel travels inside the server's distribution, because no index has it.

Called by hatchling for every build of teal-endpoints, and by the Makefile when the sources of teal-scoring change.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WHEELS = Path("src/teal/compute/wheels")
SCORING = Path("packages/teal-scoring")


def build_scoring_wheel(root: Path) -> None:
    """Leave exactly one wheel in the folder: instances install what they find there."""
    wheels = root / WHEELS
    wheels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wheels) as building:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", building]
        done = subprocess.run(command, cwd=root / SCORING, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"building teal-scoring failed:\n{done.stdout}{done.stderr}")
        (built,) = Path(building).glob("*.whl")
        for outdated in wheels.glob("*.whl"):
            if outdated.name != built.name:
                outdated.unlink()
        built.replace(wheels / built.name)


class ScoringWheelHook(BuildHookInterface[Any]):
    """hatchling finds this class by being the only hook in the file."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_scoring_wheel(Path(self.root).resolve())


if __name__ == "__main__":
    build_scoring_wheel(Path(__file__).resolve().parent)
