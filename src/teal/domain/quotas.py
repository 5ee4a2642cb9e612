"""How much there may be of everything, as a server, a workspace (in its tags) and an endpoint (properties) say it.

Azure's quotas are one profile of two, and not the default (design §5). Control refuses what is beyond before anything
is written; what an endpoint may use is enforced by the gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from teal.domain.endpoint_settings import (
    LIMITS,
    NO_LIMITS,
    PROFILES,
    Limits,
    Quotas,
    choose_profile,
    parse_limit,
    parse_limits,
    take_settings,
)
from teal.domain.errors import InvalidInput

OUT_OF_QUOTA = "OutOfQuota"  # spec/azureml.md §1.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """None is no limit. `endpoints` and `deployments`: of a subscription where the server says it, of the workspace
    where that does; `limits`: of each endpoint that does not say so itself."""

    endpoints: int | None = None
    deployments: int | None = None
    limits: Limits = NO_LIMITS


NO_QUOTA = Quota()

# `spec/azureml.md` §1.5.
QUOTAS: Mapping[Quotas, Quota] = {
    Quotas.AZURE: Quota(endpoints=100, deployments=500, limits=PROFILES[Quotas.AZURE]),
    Quotas.NONE: NO_QUOTA,
}


def parse_workspace_quota(tags: Mapping[str, str], server: Quota) -> Quota:
    """What the tags of a workspace say, of its endpoints over what the server says; InvalidInput names a wrong one."""
    own = take_settings(tags, _WORKSPACE_SETTINGS)
    profile = choose_profile(own)
    base = replace(server, endpoints=None, deployments=None) if profile is None else QUOTAS[profile]
    return Quota(
        endpoints=parse_limit("max_endpoints", own, base.endpoints),
        deployments=parse_limit("max_deployments", own, base.deployments),
        limits=parse_limits(own, server.limits),
    )


@dataclass(frozen=True, slots=True)
class Use:
    """How much of one thing is in use, in what; `raised_by` is what to do beside taking some of it away."""

    of: str
    where: str
    used: int
    raised_by: str


def check_quota(use: Use, limit: int | None, needed: int = 1) -> None:
    """Refuses what would be beyond; worded as Azure's."""
    if limit is None or use.used + needed <= limit:
        return
    raise InvalidInput(
        f"Not enough quota available for {use.of} in {use.where}. "
        f"Current usage/limit: {use.used}/{limit}. Additional needed: {needed}.",
        code=OUT_OF_QUOTA,
        target=use.of,
        hint=f"Ask for less, delete what is not in use, or raise {use.raised_by}.",
    )


# --- private

_WORKSPACE_SETTINGS = ("quotas", "max_endpoints", "max_deployments", *LIMITS)
