"""What to tell one gateway next about one endpoint; pure. Called by `session.py` after every answer.

Nothing is remembered between steps: the next one follows from what is wanted and what the gateway was given, so that a
change of mind half-way, a reconnect and a roll-back need no code of their own.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum

from teal.gateway.resources import EndpointResources, Kind, Resource, build_no_hosts

# Kinds that a gateway takes without asking, as against those it asks for by name once something refers to them.
UNASKED = frozenset({Kind.CLUSTERS, Kind.SCOPES})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one gateway stands with one endpoint."""

    given: Mapping[Kind, Mapping[str, str]]  # versions by kind and name, answered or not
    asked: Mapping[Kind, Set[str]]  # names the gateway asked for
    unanswered: bool  # something given was neither accepted nor rejected yet
    clusters_known: bool  # the gateway has said which clusters it holds
    hostless: Set[str]  # clusters it was given in this conversation, and no hosts since
    scopes_open: bool  # the gateway has its first scopes


@dataclass(frozen=True, slots=True)
class Step:
    """One response: resources of one kind, new or gone."""

    kind: Kind
    send: tuple[Resource, ...] = ()
    remove: tuple[str, ...] = ()


class Pause(Enum):
    """Why there is nothing to send now."""

    DONE = "the gateway holds exactly what is wanted"
    WAITING = "the gateway has to answer, or to ask, first"
    SCOPES_HELD_BACK = "everything routes need is there; a starting gateway gets its scopes all at once"


def plan_step(wanted: EndpointResources, standing: Standing) -> Step | Pause:
    """Make before break, in this order; each line waits until those above are accepted, unless it says otherwise.

    1. clusters, and without waiting their hosts: Envoy accepts a cluster only once it was given its hosts
    2. the scope, then its routes
    3. hosts of clusters that are left without anybody to send a request to: routes may have led there until 2
    4. the scope is taken away, if it is not wanted; then clusters are
    """
    return (
        _plan_clusters(wanted, standing)
        or _plan_hosts(wanted, standing)
        or _plan_wait(wanted, standing)
        or _plan_changed(Kind.SCOPES, wanted, standing)
        or _plan_changed(Kind.ROUTES, wanted, standing)
        or _plan_changed(Kind.HOSTS, wanted, standing)
        or _plan_removed(Kind.SCOPES, wanted, standing)
        or _plan_removed(Kind.CLUSTERS, wanted, standing)
        or Pause.DONE
    )


# --- private


def _plan_clusters(wanted: EndpointResources, standing: Standing) -> Step | None:
    changed = _find_changed(Kind.CLUSTERS, wanted, standing)
    return Step(Kind.CLUSTERS, send=changed) if changed and standing.clusters_known else None


def _plan_hosts(wanted: EndpointResources, standing: Standing) -> Step | None:
    asked = standing.asked[Kind.HOSTS]
    given = standing.given[Kind.HOSTS]
    due = [
        item
        for item in _find_changed(Kind.HOSTS, wanted, standing)
        if item.name in asked and (item.name not in wanted.idle or item.name not in given)
    ]
    # A cluster that is wanted no longer may still wait for hosts, and all that Envoy has to say about clusters with it.
    # Before the gateway has said which clusters it holds, this is the reason why it has not. Of an endpoint that goes,
    # those that do not wait keep their hosts until nothing leads there.
    is_leaving = wanted.version is None and standing.clusters_known
    waiting = asked & standing.hostless if is_leaving else asked
    due += [build_no_hosts(name) for name in sorted(waiting - wanted.of(Kind.HOSTS).keys() - given.keys())]
    return Step(Kind.HOSTS, send=tuple(due)) if due else None


def _plan_wait(wanted: EndpointResources, standing: Standing) -> Pause | None:
    if standing.unanswered or not standing.clusters_known or _is_hosts_missing(wanted, standing):
        return Pause.WAITING
    if not standing.scopes_open:
        return Pause.SCOPES_HELD_BACK
    return None


def _plan_changed(kind: Kind, wanted: EndpointResources, standing: Standing) -> Step | Pause | None:
    changed = _find_changed(kind, wanted, standing)
    if not changed:
        return None
    asked = tuple(item for item in changed if kind in UNASKED or item.name in standing.asked[kind])
    return Step(kind, send=asked) if asked else Pause.WAITING


def _plan_removed(kind: Kind, wanted: EndpointResources, standing: Standing) -> Step | None:
    # Hosts and routes need no removal of their own: a gateway drops them with what referred to them.
    surplus = tuple(sorted(standing.given[kind].keys() - wanted.of(kind).keys()))
    return Step(kind, remove=surplus) if surplus else None


def _find_changed(kind: Kind, wanted: EndpointResources, standing: Standing) -> tuple[Resource, ...]:
    given = standing.given[kind]
    return tuple(item for item in wanted.of(kind).values() if given.get(item.name) != item.version)


def _is_hosts_missing(wanted: EndpointResources, standing: Standing) -> bool:
    return any(name not in standing.given[Kind.HOSTS] for name in wanted.of(Kind.HOSTS))
