"""What Envoys counted that were replaced, so that totals go on where they were; for `gateway.py`."""

import json
from collections.abc import Mapping, Set
from contextlib import suppress
from pathlib import Path

from teal.gateway.pid_file import write_private
from teal.gateway.traffic import TOTALS, TrafficObserved, add_observed

_Totals = dict[tuple[str, str], TrafficObserved]


class CarriedTotals:
    """By endpoint and deployment, in a file: the next control plane goes on with them. Removed when the gateway is
    stopped; what an Envoy counted that was killed is lost."""

    def __init__(self, file: Path) -> None:
        self._file = file
        # By endpoint: each pass of the loop asks for one of them, of thousands.
        self._loaded: dict[str, dict[str, TrafficObserved]] | None = None

    @property
    def all(self) -> _Totals:
        return {(endpoint, name): seen for endpoint, of in self._known().items() for name, seen in of.items()}

    def of(self, endpoint: str) -> Mapping[str, TrafficObserved]:
        """By deployment."""
        return self._known().get(endpoint, {})

    def add(self, deployments: Mapping[tuple[str, str], TrafficObserved]) -> None:
        self._save(add_observed((self.all, deployments)))

    def keep(self, endpoint: str, deployments: Set[str]) -> None:
        """Of this endpoint only these: others are deleted, and one that is made again begins at 0."""
        gone = {(endpoint, name) for name in self.of(endpoint).keys() - deployments}
        if gone:
            self._save({owner: seen for owner, seen in self.all.items() if owner not in gone})

    # --- private

    def _known(self) -> dict[str, dict[str, TrafficObserved]]:
        if self._loaded is None:
            self._loaded = _sort_by_endpoint(_load(self._file))
        return self._loaded

    def _save(self, deployments: _Totals) -> None:
        self._loaded = _sort_by_endpoint(deployments)
        content = {
            "/".join(owner): {name: getattr(seen, name) for name in TOTALS} for owner, seen in deployments.items()
        }
        with suppress(OSError):  # a full disk costs them at the next start, and nothing now
            write_private(self._file, json.dumps(content))


# --- private


def _sort_by_endpoint(deployments: _Totals) -> dict[str, dict[str, TrafficObserved]]:
    found: dict[str, dict[str, TrafficObserved]] = {}
    for (endpoint, name), seen in deployments.items():
        found.setdefault(endpoint, {})[name] = seen
    return found


def _load(file: Path) -> _Totals:
    try:
        content = json.loads(file.read_text())
        return {tuple(owner.split("/", 1)): TrafficObserved(**totals) for owner, totals in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
