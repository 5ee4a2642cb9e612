"""An instance as the loop remembers it through its life: started → ready → routable → draining → stopped (design
D3)."""

from dataclasses import dataclass
from enum import StrEnum


class InstanceState(StrEnum):
    """Where an instance is in its life.

    STARTED: asked for, not ready (also: restarting, or taken out of rotation by a failing readiness probe).
    READY: its probe passes, the gateway does not know it yet. ROUTABLE: every gateway has acknowledged it.
    DRAINING: gets no new requests, finishes those it has. STOPPED: out of the gateway's model, to be removed.
    """

    STARTED = "started"
    READY = "ready"
    ROUTABLE = "routable"
    DRAINING = "draining"
    STOPPED = "stopped"

    @property
    def is_serving(self) -> bool:
        return self in (InstanceState.READY, InstanceState.ROUTABLE)

    @property
    def is_leaving(self) -> bool:
        return self in (InstanceState.DRAINING, InstanceState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """One instance, remembered. `attempt` counts starts from 1, `crashes` those ends in a row that were not asked for.

    Times are epoch seconds. `running_since`: when the process of this attempt was first seen; `has_answered`: its
    readiness probe has passed once.
    `retry_at`: not started before then. `since`: when it entered its state. `idle_since`: draining and without
    requests since then.
    `address` and `port` are kept so that a restarted server can publish it before anything was probed again.
    """

    instance_id: str
    endpoint: str
    deployment: str
    revision: str
    state: InstanceState
    since: float
    attempt: int = 1
    crashes: int = 0
    ever_ready: bool = False
    has_answered: bool = False
    running_since: float | None = None
    retry_at: float | None = None
    idle_since: float | None = None
    in_flight: int | None = None
    drain_limit_s: float = 300.0
    address: str | None = None
    port: int | None = None


def restart_delay_s(crashes: int) -> float:
    """How long to wait before the next start after so many crashes in a row: not at all after the first, then 0.5 s,
    doubling, at most a minute."""
    return 0.0 if crashes <= 1 else float(min(60.0, 0.5 * 2 ** min(10, crashes - 2)))
