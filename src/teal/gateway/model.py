"""What the gateway should do for one endpoint, without a word of Envoy; the reconcile loop builds it.

An `EndpointModel` is always whole: publishing it replaces everything that was said before about that endpoint.
"""

import hashlib
import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from teal.domain.endpoint_settings import NO_LIMITS, KeySource, Limits, TrafficKey

MAX_KEY_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Host:
    """One instance that may receive requests. A draining one finishes what it has and is given nothing new."""

    instance_id: str
    address: str
    port: int
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment. A retired one keeps its instances while it drains; no request reaches it, not even by name."""

    deployment: str
    hosts: tuple[Host, ...]
    max_in_flight: int
    request_timeout_ms: int
    retired: bool = False
    total_timeout_ms: int | None = None  # of the whole answer, a streamed one too
    http2: bool = False  # its instances speak HTTP/2 without being asked
    instances: int = 1  # as many as are wanted
    foreign: bool = False  # its instances know nothing of Teal: their errors become 424 at the gateway


@dataclass(frozen=True, slots=True)
class EndpointModel:
    """One endpoint: who may call it, which deployments it has, and how requests are divided (percent) and copied.

    Percentages go down to a ten-thousandth. `idempotent`: a request may be sent to a second instance after the first
    one was lost with it in hand.
    """

    name: str
    keys: tuple[str, ...]
    targets: tuple[Target, ...]
    traffic: Mapping[str, float]
    mirror: Mapping[str, float]
    traffic_key: TrafficKey | None = None
    limits: Limits = NO_LIMITS
    idempotent: bool = False
    token_audience: str | None = None  # callers show a token made for this, not a key

    _version: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def version(self) -> str:
        """The same for models that mean the same: order of targets, hosts and map entries does not count."""
        if not self._version:
            self._version.append(content_version(json.dumps(_canonical(self), sort_keys=True).encode()))
        return self._version[0]

    @property
    def live(self) -> dict[str, float]:
        """Deployments with a positive share of the requests that name none."""
        return {name: percent for name, percent in self.traffic.items() if percent > 0}

    @property
    def mirrored(self) -> dict[str, float]:
        """Deployments that receive copies, with the percentage of requests copied."""
        return {name: percent for name, percent in self.mirror.items() if percent > 0}

    @property
    def routable(self) -> tuple[Target, ...]:
        """Targets a request can reach."""
        return tuple(target for target in self.targets if not target.retired)


def content_version(content: bytes) -> str:
    """A short name for exactly this content."""
    return hashlib.sha256(content).hexdigest()[:16]


def validate(model: EndpointModel) -> tuple[str, ...]:
    """Why this model cannot be published; empty when it can.

    Everything the proxy would reject is caught here, because a rejection there comes late and less clearly.
    """
    return (
        *_validate_names(model),
        *_validate_keys(model.keys),
        *(reason for target in model.targets for reason in _validate_target(target)),
        *_validate_traffic(model),
        *_validate_mirror(model),
        *_validate_limits(model.limits),
        *_validate_key_source(model.traffic_key),
    )


# --- private

# Stricter than the names people may choose (spec/azureml.md §1.5): names are routed in lower case.
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


def _canonical(model: EndpointModel) -> dict[str, object]:
    whole = asdict(model)
    del whole["_version"]
    for target in whole["targets"]:
        target["hosts"] = sorted(target["hosts"], key=lambda host: str(host["instance_id"]))
    whole["targets"] = sorted(whole["targets"], key=lambda target: str(target["deployment"]))
    whole["traffic"] = model.live
    whole["mirror"] = model.mirrored
    return whole


def _validate_names(model: EndpointModel) -> Iterator[str]:
    for name in (model.name, *(target.deployment for target in model.targets)):
        if not _NAME.fullmatch(name):
            yield f"'{name}' is not a name in lower case (letters, digits, dashes)"
    for name in _repeated(target.deployment for target in model.targets):
        yield f"deployment '{name}' appears twice"


def _validate_keys(keys: tuple[str, ...]) -> Iterator[str]:
    for position, key in enumerate(keys, start=1):
        # Never the key itself: reasons end up in logs and conditions.
        if not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable() or " " in key:
            yield f"key {position} is not 1 to {MAX_KEY_CHARS} visible ASCII characters"


def _validate_target(target: Target) -> Iterator[str]:
    where = f"deployment '{target.deployment}'"
    if target.max_in_flight < 1:
        yield f"{where}: max_in_flight must be at least 1"
    if target.request_timeout_ms < 1:
        yield f"{where}: request_timeout_ms must be at least 1"
    if target.total_timeout_ms is not None and target.total_timeout_ms < 1:
        yield f"{where}: total_timeout_ms must be at least 1"
    for instance_id in _repeated(host.instance_id for host in target.hosts):
        yield f"{where}: instance '{instance_id}' appears twice"
    for address in _repeated(f"{host.address}:{host.port}" for host in target.hosts):
        yield f"{where}: two instances at {address}"
    for host in target.hosts:
        if not _is_ip_address(host.address):
            yield f"{where}: '{host.address}' is not an IP address"
        if not 1 <= host.port <= 65535:
            yield f"{where}: {host.port} is not a port"


def _validate_traffic(model: EndpointModel) -> Iterator[str]:
    yield from _validate_shares("traffic", model.traffic, model)
    total = sum(_in_millionths(percent) for percent in model.traffic.values())
    if total not in (0, _in_millionths(100)):
        yield f"traffic adds up to {total / 10_000:g}; it must be 0 or 100"


def _validate_mirror(model: EndpointModel) -> Iterator[str]:
    yield from _validate_shares("mirror", model.mirror, model)
    for name in model.mirrored.keys() & model.live.keys():
        yield f"deployment '{name}' cannot have live and mirrored traffic at once"


def _validate_limits(limits: Limits) -> Iterator[str]:
    for name, value in asdict(limits).items():
        if value is not None and value < 1:
            yield f"{name} must be at least 1"


def _validate_key_source(key: TrafficKey | None) -> Iterator[str]:
    if key is None:
        return
    if (key.source is KeySource.BEARER) != (key.name == ""):
        yield "a traffic key is a header or a cookie with a name, or the bearer"
    elif key.name and not _TOKEN.fullmatch(key.name):
        yield f"'{key.name}' is not the name of a header or cookie"


def _validate_shares(what: str, shares: Mapping[str, float], model: EndpointModel) -> Iterator[str]:
    known = {target.deployment for target in model.targets}
    routable = {target.deployment for target in model.routable}
    for name, percent in shares.items():
        if name not in known:
            yield f"{what} names '{name}', which is not a deployment of this endpoint"
        elif name not in routable and percent > 0:
            yield f"{what} names '{name}', which is retired"
        if not 0 <= percent <= 100:
            yield f"{what} of '{name}' is {percent}; it must be 0 to 100"
        elif abs(percent * 10_000 - _in_millionths(percent)) > 1e-6:
            yield f"{what} of '{name}' is {percent}; its smallest part is 0.0001"


def _in_millionths(percent: float) -> int:
    return round(percent * 10_000)


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]
