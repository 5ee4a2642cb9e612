"""How much traffic each deployment really gets, as Envoy counts it; for `gateway.py`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from teal.gateway.admin import Admin
from teal.gateway.routes import SKIPPED


@dataclass(frozen=True, slots=True)
class TrafficObserved:
    """One deployment, as Envoy counts it. All start at 0 whenever an Envoy starts."""

    requests_total: int = 0
    refused_total: int = 0  # over the in-flight limit: answered 429
    timeouts_total: int = 0  # no first byte in time: answered 408
    mirrored_total: int = 0  # copies sent
    mirror_dropped_total: int = 0  # copies not sent because the shadow had its fill, or nobody to send them to
    mirror_skipped_total: int = 0  # copies not made because the body was too large, or of unknown length


_Owner = TypeVar("_Owner")

TOTALS = tuple(field.name for field in fields(TrafficObserved))


async def observe_totals(admin: Admin) -> Mapping[tuple[str, str], TrafficObserved]:
    """All deployments by (endpoint, deployment): one question to Envoy, filtered on its side."""
    return build_observed(await _ask_for_counters(admin, _ANY))


@dataclass(frozen=True, slots=True)
class HostObserved:
    """One instance, as one Envoy sees it; copies are counted with it."""

    requests: int
    connections: int
    port: int


async def observe_hosts(admin: Admin, endpoint: str) -> dict[str, HostObserved]:
    """What each instance of one endpoint has in its hands: one question, as short an answer."""
    clusters = await admin.get_json("/clusters", format="json", filter=f"^{re.escape(endpoint)}/")
    observed: dict[str, HostObserved] = {}
    for status in clusters.get("cluster_statuses", []):
        for host in status.get("host_statuses", []):
            id = host.get("hostname", "")
            before = observed.get(id, HostObserved(0, 0, 0))
            observed[id] = HostObserved(
                requests=before.requests + _read_active(host),
                connections=before.connections + _read_active(host, "cx_active"),
                port=host["address"]["socket_address"]["port_value"],
            )
    return observed


async def observe_requests(admin: Admin, endpoint: str) -> dict[str, TrafficObserved]:
    """Those of one endpoint by deployment: a question whose answer is short however many endpoints there are."""
    observed = build_observed(await _ask_for_counters(admin, re.escape(endpoint)))
    return {deployment: traffic for (_, deployment), traffic in observed.items()}


def build_observed(stats: Iterable[Any]) -> dict[tuple[str, str], TrafficObserved]:
    """Envoy's answer, by endpoint and deployment instead of by counter."""
    totals: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for stat in stats:
        if found := _CLUSTER_STAT.fullmatch(stat.get("name", "")):
            endpoint, deployment, shadow, name = found.groups()
            if total := (_SHADOW_TOTALS if shadow else _TOTALS).get(name):
                counted = totals[endpoint, deployment]
                counted[total] = counted.get(total, 0) + stat["value"]
        elif found := _SKIPPED_STAT.fullmatch(stat.get("name", "")):
            totals[found.group(1), found.group(2)]["mirror_skipped_total"] = stat["value"]
    return {owner: TrafficObserved(**counted) for owner, counted in totals.items()}


def add_observed(many: Iterable[Mapping[_Owner, TrafficObserved]]) -> dict[_Owner, TrafficObserved]:
    """What several Envoys have counted, together."""
    summed: dict[_Owner, TrafficObserved] = {}
    for deployments in many:
        for owner, seen in deployments.items():
            summed[owner] = _add(summed[owner], seen) if owner in summed else seen
    return summed


# --- private

_ANY = "[^.]+"
_TOTALS = {
    "upstream_rq_total": "requests_total",
    "upstream_rq_active_overflow": "refused_total",
    "upstream_rq_pending_overflow": "refused_total",
    "upstream_rq_per_try_timeout": "timeouts_total",
}
_SHADOW_TOTALS = {
    "upstream_rq_total": "mirrored_total",
    "upstream_rq_active_overflow": "mirror_dropped_total",
    "upstream_rq_pending_overflow": "mirror_dropped_total",
    "upstream_cx_none_healthy": "mirror_dropped_total",
    "upstream_rq_pending_failure_eject": "mirror_dropped_total",
}
COUNTERS = frozenset(_TOTALS) | frozenset(_SHADOW_TOTALS)  # what is read of a cluster; docs/metrics.md names each
_CLUSTER_NAMES = "|".join(COUNTERS)
_CLUSTER_STAT = re.compile(rf"cluster\.([^./]+)/([^./]+)(/shadow)?\.({_CLUSTER_NAMES})")
_SKIPPED_STAT = re.compile(rf"vhost\.([^.]+)\.route\.{SKIPPED}([^.]+)\.upstream_rq_total")


def _add(one: TrafficObserved, other: TrafficObserved) -> TrafficObserved:
    return TrafficObserved(**{name: getattr(one, name) + getattr(other, name) for name in TOTALS})


async def _ask_for_counters(admin: Admin, endpoint: str) -> Any:
    # Each type of statistics is a search of its own: without one, Envoy does nothing else for three times as long.
    asked = await admin.get_json("/stats", format="json", type="Counters", filter=_build_filter(endpoint))
    return asked["stats"]


def _build_filter(endpoint: str) -> str:
    skipped = rf"vhost\.{endpoint}\.route\.{SKIPPED}[^.]+\.upstream_rq_total"
    return rf"^(cluster\.{endpoint}/[^.]+\.({_CLUSTER_NAMES})|{skipped})$"


def _read_active(host: Mapping[str, Any], name: str = "rq_active") -> int:
    return sum(int(stat.get("value", 0)) for stat in host.get("stats", []) if stat["name"] == name)
