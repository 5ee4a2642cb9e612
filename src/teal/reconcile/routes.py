"""What the gateway should know of one endpoint: stored objects and instance records -> EndpointModel. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teal.domain.deployments import DeploymentSpec, DeploymentStatus, revision_of
from teal.domain.endpoint_settings import Limits, parse_deployment_settings, parse_endpoint_settings
from teal.domain.endpoints import AuthMode, EndpointKeys, EndpointSpec, OnlineEndpoint
from teal.domain.instance_records import InstanceRecord, InstanceState
from teal.domain.tokens import audience_of
from teal.gateway.model import EndpointModel, Host, Target


@dataclass(frozen=True, slots=True)
class Access:
    """What callers of an endpoint show: one of these keys, or a token made for this audience."""

    keys: tuple[str, ...] = ()
    token_audience: str | None = None


def build_access(endpoint: OnlineEndpoint | None, keys: EndpointKeys | None, control_token: str) -> Access:
    """By the endpoint's auth_mode. With `aad_token` it is whoever may use this server at all (`spec/azureml.md` §1.11):
    the caller's own token is the server's, `control_token`."""
    match endpoint.spec.auth_mode if endpoint and keys else None:
        case AuthMode.KEY:
            return Access((keys.primary, keys.secondary) if keys else ())
        case AuthMode.AAD_TOKEN:
            return Access((control_token,) if control_token else ())
        case AuthMode.AML_TOKEN:
            return Access(token_audience=audience_of(endpoint) if endpoint else None)
    return Access()


def build_model(
    name: str,
    keys: EndpointKeys | None,
    spec: EndpointSpec,
    statuses: Mapping[str, DeploymentStatus],
    records: Iterable[InstanceRecord],
    server: Limits,
    access: Access,
) -> EndpointModel | None:
    """The model of one endpoint; None when nothing at all is left of it.

    `keys` None: the endpoint is gone, but instances still finish requests. `access` is what its callers
    show, `spec` the one in force or about to be,
    `server` the limits of endpoints that set none of their own. `statuses` are those of the deployments that
    may be reached; a deployment that only has instances left is retired: it drains, and no request leads to it.
    """
    by_deployment: dict[str, list[InstanceRecord]] = {}
    for record in records:
        by_deployment.setdefault(record.deployment, []).append(record)
    serving = {d: status.serving for d, status in statuses.items() if status.serving}
    targets = [_target(d, spec, by_deployment.get(d, [])) for d, spec in serving.items()]
    targets += [_retired(d, rest) for d, rest in by_deployment.items() if d not in serving]
    targets = [t for t in targets if t.hosts or not t.retired]
    if keys is None and not targets:
        return None
    settings = parse_endpoint_settings(spec.properties, server)
    return EndpointModel(
        name=name,
        keys=access.keys if keys else (),
        token_audience=access.token_audience if keys else None,
        targets=tuple(sorted(targets, key=lambda t: t.deployment)),
        traffic={d: percent for d, percent in spec.traffic.items() if d in serving} if keys else {},
        mirror={d: percent for d, percent in spec.mirror_traffic.items() if d in serving} if keys else {},
        traffic_key=settings.traffic_key,
        limits=settings.limits,
        idempotent=settings.idempotent,
    )


# --- private


def _target(deployment: str, spec: DeploymentSpec, records: list[InstanceRecord]) -> Target:
    settings = spec.request_settings
    beyond = parse_deployment_settings(spec.properties)
    revision = revision_of(spec)
    hosts = [h for r in records if r.state is InstanceState.DRAINING or r.revision == revision for h in _host(r)]
    return Target(
        deployment=deployment,
        hosts=tuple(hosts),
        # In flight per deployment: spec/azureml.md §1.6, the row of 429.
        max_in_flight=2 * settings.max_concurrent_requests_per_instance * spec.instance_count,
        request_timeout_ms=settings.request_timeout_ms,
        total_timeout_ms=beyond.total_timeout_ms,
        http2=beyond.http2,
        instances=spec.instance_count,
    )


def _retired(deployment: str, records: list[InstanceRecord]) -> Target:
    hosts = tuple(h for r in records if r.state is InstanceState.DRAINING for h in _host(r))
    return Target(deployment=deployment, hosts=hosts, max_in_flight=1, request_timeout_ms=1, retired=True)


def _host(record: InstanceRecord) -> list[Host]:
    if record.address is None or record.port is None or record.state in (InstanceState.STARTED, InstanceState.STOPPED):
        return []
    draining = record.state is InstanceState.DRAINING
    return [Host(record.instance_id, record.address, record.port, draining=draining)]
