"""An endpoint's model as the resources a gateway receives, with names, kinds and versions; called by `gateway.py`.

The whole translation from our words to Envoy's is `build_resources`; the files it leans on make one kind each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from teal.gateway.clusters import (
    MAX_MIRRORED_BODY_BYTES,
    build_cluster,
    build_hosts,
    build_shadow_cluster,
    format_cluster_name,
    format_shadow_name,
)
from teal.gateway.model import EndpointModel, content_version
from teal.gateway.packing import pack
from teal.gateway.routes import build_host_route_table, build_host_scope, build_route_table, build_scope


class Kind(StrEnum):
    """The kinds of resource, by the type URL that xDS knows them by; in the order in which they are delivered."""

    CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    HOSTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    SCOPES = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration"
    ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, packed; its version names its content."""

    name: str
    version: str
    body: Any


@dataclass(frozen=True, slots=True)
class EndpointResources:
    """Everything a gateway should hold for one endpoint. No resources at all: the endpoint should be gone."""

    endpoint: str
    version: str | None
    by_kind: Mapping[Kind, Mapping[str, Resource]] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()  # clusters without a host that takes new requests

    def of(self, kind: Kind) -> Mapping[str, Resource]:
        return self.by_kind.get(kind, {})


def build_resources(
    model: EndpointModel,
    *,
    host_domain: str | None = None,
    max_mirrored_body_bytes: int = MAX_MIRRORED_BODY_BYTES,
) -> EndpointResources:
    """A valid model, whole, for Envoy; with `host_domain`, at `<name>.<host_domain>` too."""
    scopes = [build_scope(model.name)]
    tables = [build_route_table(model, max_mirrored_body_bytes)]
    if host_domain is not None:
        scopes.append(build_host_scope(model.name))
        tables.append(build_host_route_table(tables[0], model.name, host_domain))
    shadows = [target for target in model.targets if target.deployment in model.mirrored]
    clusters = [build_cluster(model.name, target, idempotent=model.idempotent) for target in model.targets]
    clusters += [build_shadow_cluster(model.name, target, max_mirrored_body_bytes) for target in shadows]
    hosts = [build_hosts(format_cluster_name(model.name, target.deployment), target.hosts) for target in model.targets]
    hosts += [build_hosts(format_shadow_name(model.name, target.deployment), target.hosts) for target in shadows]
    return EndpointResources(
        endpoint=model.name,
        version=model.version,
        by_kind={
            Kind.CLUSTERS: _index((cluster.name, cluster) for cluster in clusters),
            Kind.HOSTS: _index((assignment.cluster_name, assignment) for assignment in hosts),
            Kind.SCOPES: _index((scope.name, scope) for scope in scopes),
            Kind.ROUTES: _index((table.name, table) for table in tables),
        },
        idle=frozenset(
            format_name(model.name, target.deployment)
            for target in model.targets
            for format_name in (format_cluster_name, format_shadow_name)
            if all(host.draining for host in target.hosts)
        ),
    )


def build_no_hosts(cluster_name: str) -> Resource:
    """Nobody: the answer to a gateway that waits for the hosts of a cluster nobody wants any more."""
    return _index([(cluster_name, build_hosts(cluster_name, ()))])[cluster_name]


def endpoint_of(resource_name: str) -> str:
    """The endpoint that owns a resource, whatever its kind: every name starts with it."""
    return resource_name.partition("/")[0]


# --- private


def _index(messages: Iterable[tuple[str, Message]]) -> dict[str, Resource]:
    packed = ((name, pack(message)) for name, message in messages)
    return {name: Resource(name, content_version(body.value), body) for name, body in packed}
