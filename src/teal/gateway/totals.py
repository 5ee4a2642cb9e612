"""What Envoys counted that were replaced, so that totals go on where they were; for `gateway.py`."""

import json
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from teal.gateway.pid_file import write_private
from teal.gateway.traffic import TOTALS, TrafficObserved, add_observed


class CarriedTotals:
    """By endpoint and deployment, in a file: the next control plane goes on with them. Removed when the gateway is
    stopped; what an Envoy counted that was killed is lost."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._loaded: dict[tuple[str, str], TrafficObserved] | None = None

    @property
    def all(self) -> Mapping[tuple[str, str], TrafficObserved]:
        if self._loaded is None:
            self._loaded = _load(self._file)
        return self._loaded

    def of(self, endpoint: str) -> dict[str, TrafficObserved]:
        """By deployment."""
        return {deployment: seen for (owner, deployment), seen in self.all.items() if owner == endpoint}

    def add(self, deployments: Mapping[tuple[str, str], TrafficObserved]) -> None:
        counted = {owner: replace(seen, in_flight={}) for owner, seen in deployments.items()}
        self._save(add_observed((self.all, counted)))

    def keep(self, endpoint: str, deployments: Set[str]) -> None:
        """Of this endpoint only these: others are deleted, and one that is made again begins at 0."""
        gone = {owner for owner in self.all if owner[0] == endpoint and owner[1] not in deployments}
        if gone:
            self._save({owner: seen for owner, seen in self.all.items() if owner not in gone})

    # --- private

    def _save(self, deployments: dict[tuple[str, str], TrafficObserved]) -> None:
        self._loaded = deployments
        content = {
            "/".join(owner): {name: getattr(seen, name) for name in TOTALS} for owner, seen in deployments.items()
        }
        with suppress(OSError):  # a full disk costs them at the next start, and nothing now
            write_private(self._file, json.dumps(content))


# --- private


def _load(file: Path) -> dict[tuple[str, str], TrafficObserved]:
    try:
        content = json.loads(file.read_text())
        return {tuple(owner.split("/", 1)): TrafficObserved(**totals) for owner, totals in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
