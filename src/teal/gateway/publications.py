"""What every gateway should hold, endpoint by endpoint, and how far the connected ones have come.

`gateway.py` writes what is wanted, `session.py` (one per connected gateway) reports what was accepted or rejected.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from teal.gateway.resources import EndpointResources


@dataclass(frozen=True, slots=True)
class InForce:
    """What the live gateways do for one endpoint.

    `version` is set when every one of them has acknowledged that same version; None, and nothing pending: no gateway
    sends requests to this endpoint's instances any more. `pending`: some live gateway has yet
    to answer for what was published (or withdrawn) last, or to connect; silence is never taken for consent.
    """

    version: str | None
    rejected: str | None
    pending: bool


class Tenure(Enum):
    """Whether a gateway that connects is one to stay."""

    STAYS = "the one that serves, or will"
    LEAVES = "is being replaced; may be too old to understand everything"
    LEFT_ALONE = "is being replaced, and what it passes requests through is of another kind than what routes rely on"


class ConnectedGateway(Protocol):
    """What publications need to know of a session."""

    @property
    def node_id(self) -> str: ...

    def settled(self, endpoint: str) -> str | None:
        """The version this gateway holds completely, None when it holds nothing of the endpoint."""

    def has_settled(self, endpoint: str, version: str | None) -> bool: ...

    def advance(self, endpoint: str) -> None:
        """Send the next step for this endpoint, if there is one."""

    def advance_all(self) -> None: ...

    def close(self) -> None: ...


class Publications:
    """The wanted state of all endpoints, and the set of connected gateways."""

    def __init__(
        self,
        changed: Callable[[str | None], None],
        judge: Callable[[str], Tenure] = lambda _: Tenure.STAYS,
        are_all: Callable[[Set[str]], bool] = lambda _: True,
    ) -> None:
        """`changed` is called with the name of an endpoint that is settled or rejected now, and with None when a
        gateway has come or gone. `judge` is asked by the name of a gateway, `are_all` whether none but these pass
        requests on: after a restart of the control plane they come back one after the other."""
        self._changed = changed
        self._judge = judge
        self._are_all = are_all
        self._unteachable: set[str] = set()
        self._records: dict[str, _Record] = {}
        self._gateways: dict[str, ConnectedGateway] = {}
        self._held: set[str] = set()
        self.complete = False

    def hold(self, endpoints: Iterable[str]) -> None:
        """These exist, and nothing has been published of them yet: until it is, gateways keep what they have."""
        self._held = set(endpoints) - self._records.keys()

    def publish(self, resources: EndpointResources) -> None:
        """Want exactly these resources; wanting nothing (`version` None) withdraws the endpoint."""
        target = self.target(resources.endpoint)
        self._held.discard(resources.endpoint)
        record = self._records.get(resources.endpoint)
        if record is not None and record.wanted.version == resources.version:
            return
        if record is None and target == resources:  # unwanted already: to say so again would be news without end
            return
        good = record.good if record is not None else None
        self._records[resources.endpoint] = _Record(wanted=resources, good=good)
        self._advance(resources.endpoint)

    def wanted_version(self, endpoint: str) -> str | None:
        record = self._records.get(endpoint)
        return record.wanted.version if record is not None else None

    def set_complete(self) -> None:
        """From now on, what was never published here is unwanted, and a starting gateway may begin to listen."""
        self.complete = True
        for gateway in tuple(self._gateways.values()):
            gateway.advance_all()

    def in_force(self, endpoint: str) -> InForce:
        record = self._records.get(endpoint)
        if record is None:
            return InForce(version=None, rejected=None, pending=endpoint in self._held)
        return InForce(
            version=self._agreed_version(endpoint),
            rejected=record.rejected,
            pending=record.rejected is None and not self._all_settled(endpoint, record.wanted.version),
        )

    # What sessions ask and report

    def target(self, endpoint: str) -> EndpointResources | None:
        """What gateways should be brought to. None: leave what they hold of this endpoint as it is."""
        record = self._records.get(endpoint)
        if record is None:
            is_unwanted = self.complete and endpoint not in self._held
            return EndpointResources(endpoint, version=None) if is_unwanted else None
        return record.wanted if record.rejected is None else record.good

    def endpoints(self) -> Iterable[str]:
        return tuple(self._records)

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._records

    def deliverable(self) -> set[str]:
        """Endpoints of which a starting gateway must have everything but the scope before it may listen."""
        targets = ((name, self.target(name)) for name in self._records)
        return {name for name, target in targets if target is not None and target.version is not None}

    def connect(self, gateway: ConnectedGateway) -> bool:
        """A gateway that comes back replaces its earlier stream, which may not have been found dead yet. False: it
        keeps what it has, and nobody waits for it."""
        if gateway.node_id in self._unteachable or self._judge(gateway.node_id) is Tenure.LEFT_ALONE:
            return False
        earlier = self._gateways.get(gateway.node_id)
        self._gateways[gateway.node_id] = gateway
        if earlier is not None:
            earlier.close()
        self._changed(None)
        return True

    def disconnect(self, gateway: ConnectedGateway) -> None:
        if self._gateways.get(gateway.node_id) is gateway:
            del self._gateways[gateway.node_id]
            self._changed(None)

    @property
    def connected(self) -> frozenset[str]:
        return frozenset(self._gateways)

    def report_settled(self, endpoint: str) -> None:
        """A gateway now holds its whole target for this endpoint."""
        record = self._records.get(endpoint)
        if record is not None and record.rejected is None and self._all_settled(endpoint, record.wanted.version):
            if record.wanted.version is None:
                del self._records[endpoint]
            else:
                record.good = record.wanted
        self._changed(endpoint)

    def report_rejected(self, gateway: ConnectedGateway, endpoint: str, version: str | None, words: str) -> None:
        """A gateway refused a resource of this version: everybody goes back to the last good one.

        Without a good one (this process never saw one in force) gateways keep what they hold: that may be serving.
        One that is being replaced has no say: it may be too old to understand, and leaves with what it has.
        """
        if self._judge(gateway.node_id) is not Tenure.STAYS:
            self._unteachable.add(gateway.node_id)
            self.disconnect(gateway)
            gateway.close()
            return
        record = self._records.get(endpoint)
        if record is None:
            return
        if record.rejected is not None and record.good is not None and record.good.version == version:
            record.good = None
        elif record.wanted.version == version:
            record.rejected = words
            self._advance(endpoint)
        self._changed(endpoint)

    # --- private

    def _advance(self, endpoint: str) -> None:
        for gateway in tuple(self._gateways.values()):
            gateway.advance(endpoint)

    def _all_settled(self, endpoint: str, version: str | None) -> bool:
        return self._have_all_come() and all(gw.has_settled(endpoint, version) for gw in self._gateways.values())

    def _agreed_version(self, endpoint: str) -> str | None:
        versions = {gateway.settled(endpoint) for gateway in self._gateways.values()}
        return versions.pop() if len(versions) == 1 and self._have_all_come() else None

    def _have_all_come(self) -> bool:
        return bool(self._gateways) and self._are_all(self._gateways.keys() | self._unteachable)


@dataclass(slots=True)
class _Record:
    wanted: EndpointResources
    good: EndpointResources | None
    rejected: str | None = None
