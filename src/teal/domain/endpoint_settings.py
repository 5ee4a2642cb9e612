"""What Teal can do for an endpoint or a deployment beyond Azure: read from `teal.*` entries of its `properties`.

Properties reach the server unchanged from every client, so stock ones can set these too. Called by control before
anything is written, and by reconcile when it builds what the gateway should do.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from teal.domain.errors import InvalidInput

PREFIX = "teal."
MAX_MIRROR_PERCENT = 50
NO_LIMIT = "none"


class KeySource(StrEnum):
    """Where the key of a sticky split is found in a request."""

    HEADER = "header"
    COOKIE = "cookie"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class TrafficKey:
    """Requests with the same key go to the same deployment, as far as shares allow. `name`: of the header or cookie."""

    source: KeySource
    name: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one endpoint may use; None is no limit. Bandwidth is both directions together, and slows down only.
    `deployments` are its own, `instances` of each of them."""

    requests_per_s: int | None = None
    requests_in_hand: int | None = None
    bandwidth_kib_per_s: int | None = None
    max_request_bytes: int | None = None
    deployments: int | None = None
    instances: int | None = None


NO_LIMITS = Limits()


LIMITS: Mapping[str, str] = {
    "max_requests_per_second": "requests_per_s",
    "max_requests_in_hand": "requests_in_hand",
    "max_bandwidth_kib_per_second": "bandwidth_kib_per_s",
    "max_request_bytes": "max_request_bytes",
    "max_deployments_per_endpoint": "deployments",
    "max_instances_per_deployment": "instances",
}
"""By the name of their setting."""


class Quotas(StrEnum):
    """Azure's quotas of an endpoint, or none (design §5)."""

    AZURE = "azure"
    NONE = "none"


# `spec/azureml.md` §1.5. Connections per second are no more than requests, and a connection in use has one in hand.
PROFILES: Mapping[Quotas, Limits] = {
    Quotas.AZURE: Limits(
        requests_per_s=500, requests_in_hand=500, bandwidth_kib_per_s=5_000_000 // 1024, deployments=20, instances=50
    ),
    Quotas.NONE: NO_LIMITS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """`hundredths`: the smallest share of traffic, in hundredths of a percent. `limits` are final: the endpoint's own
    values over its profile, or over the server's where it names none."""

    traffic_key: TrafficKey | None = None
    hundredths: int = 100
    max_mirror_percent: int = MAX_MIRROR_PERCENT
    idempotent: bool = False
    limits: Limits = NO_LIMITS


DEFAULT_SETTINGS = EndpointSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSettings:
    """`total_timeout_ms` limits the whole of an answer, a streamed one too; `http2`: its instances expect HTTP/2;
    `skip_script_validation`: an environment is built before anybody has looked at the script."""

    total_timeout_ms: int | None = None
    http2: bool = False
    skip_script_validation: bool = False


def parse_endpoint_settings(properties: Mapping[str, str], server: Limits = NO_LIMITS) -> EndpointSettings:
    """The settings in an endpoint's properties; InvalidInput names the entry that means nothing."""
    own = take_settings(properties, _ENDPOINT_SETTINGS)
    return EndpointSettings(
        traffic_key=_parse_key(own.get("traffic_key")),
        hundredths=_PRECISIONS[_choose("traffic_precision", own.get("traffic_precision", "1"), _PRECISIONS)],
        max_mirror_percent=_parse_whole("max_mirror_percent", own.get("max_mirror_percent"), MAX_MIRROR_PERCENT, 100),
        idempotent=_choose("idempotent", own.get("idempotent", "false").lower(), ("true", "false")) == "true",
        limits=parse_limits(own, server),
    )


def parse_deployment_settings(properties: Mapping[str, str]) -> DeploymentSettings:
    """The settings in a deployment's properties, likewise."""
    own = take_settings(properties, _DEPLOYMENT_SETTINGS)
    protocol = _choose("protocol", own.get("protocol", "http1").lower(), ("http1", "http2"))
    timeout = own.get("total_timeout_ms", NO_LIMIT)
    skip = _choose("skip_script_validation", own.get("skip_script_validation", "false").lower(), ("true", "false"))
    return DeploymentSettings(
        total_timeout_ms=None if timeout == NO_LIMIT else _parse_whole("total_timeout_ms", timeout, 1, _MOST),
        http2=protocol == "http2",
        skip_script_validation=skip == "true",
    )


def take_settings(texts: Mapping[str, str], known: tuple[str, ...]) -> dict[str, str]:
    """Entries that are ours. A wrong name is refused, because a limit that is misspelled would be no limit."""
    own = {name[len(PREFIX) :]: text.strip() for name, text in texts.items() if name.startswith(PREFIX)}
    for name in own:
        if name not in known:
            raise InvalidInput(
                f"'{PREFIX}{name}' is not a setting of Teal.",
                target=PREFIX + name,
                hint=f"There are: {', '.join(PREFIX + setting for setting in known)}.",
            )
    return own


def choose_profile(own: Mapping[str, str]) -> Quotas | None:
    return Quotas(_choose("quotas", own["quotas"], tuple(Quotas))) if "quotas" in own else None


def parse_limits(own: Mapping[str, str], otherwise: Limits) -> Limits:
    """Single limits over the profile, or over what holds where none is named."""
    profile = choose_profile(own)
    base = asdict(otherwise if profile is None else PROFILES[profile])
    return Limits(**{member: parse_limit(name, own, base[member]) for name, member in LIMITS.items()})


def parse_limit(name: str, own: Mapping[str, str], otherwise: int | None) -> int | None:
    if name not in own:
        return otherwise
    return None if own[name].lower() == NO_LIMIT else _parse_whole(name, own[name], 1, _MOST)


# --- private

_ENDPOINT_SETTINGS = (
    "traffic_key",
    "traffic_precision",
    "max_mirror_percent",
    "idempotent",
    "quotas",
    *LIMITS,
)
_DEPLOYMENT_SETTINGS = ("total_timeout_ms", "protocol", "skip_script_validation")
_PRECISIONS = {"1": 100, "0.1": 10, "0.01": 1}
_MOST = 2**31 - 1

# The characters of a header's or cookie's name (RFC 9110 §5.6.2).
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")


def _parse_key(text: str | None) -> TrafficKey | None:
    if text is None:
        return None
    source, _, name = text.partition(":")
    if source == KeySource.BEARER and not name:
        return TrafficKey(KeySource.BEARER)
    if source in (KeySource.HEADER, KeySource.COOKIE) and _TOKEN.fullmatch(name):
        # Headers are found in any case, cookies as they are written.
        return TrafficKey(KeySource(source), name.lower() if source == KeySource.HEADER else name)
    raise _wrong("traffic_key", "header:<name>, cookie:<name> or bearer", text)


def _parse_whole(name: str, text: str | None, least: int, most: int) -> int:
    """`least` when nothing is said."""
    if text is None:
        return least
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise _wrong(name, f"a whole number from {least} to {most}", text)


def _choose(name: str, text: str, choices: Mapping[str, object] | tuple[str, ...]) -> str:
    if text in choices:
        return text
    raise _wrong(name, f"one of {', '.join(choices)}", text)


def _wrong(name: str, wanted: str, text: str) -> InvalidInput:
    return InvalidInput(f"'{PREFIX}{name}' must be {wanted}, not '{text}'.", target=PREFIX + name)
