"""Build hook: the teal-scoring wheel travels inside the server's distribution, because no index has it.

Called by hatchling for every build of teal-endpoints, and by the Makefile when the sources of teal-scoring change.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WHEELS = Path("src/teal/compute/wheels")
SCORING = Path("packages/teal-scoring")


def build_scoring_wheel(root: Path) -> None:
    """Leave exactly one wheel in the folder: instances install what they find there."""
    wheels = root / WHEELS
    wheels.mkdir(parents=True, exist_ok=True)
    before = set(wheels.glob("*.whl"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels.resolve())]
    done = subprocess.run(command, cwd=root / SCORING, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"building teal-scoring failed:\n{done.stdout}{done.stderr}")
    built = {wheels / line.rpartition("/")[2] for line in done.stdout.splitlines() if line.endswith(".whl")}
    for outdated in before - built:
        outdated.unlink()


class ScoringWheelHook(BuildHookInterface[Any]):
    """hatchling finds this class by being the only hook in the file."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_scoring_wheel(Path(self.root))


if __name__ == "__main__":
    build_scoring_wheel(Path(__file__).parent)
