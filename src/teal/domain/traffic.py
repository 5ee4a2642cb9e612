"""The rules of live and mirrored traffic (`spec/azureml.md` §1.5, design §6). Called by control before anything is
written."""

from collections.abc import Collection, Mapping

from teal.domain.errors import InvalidInput

MAX_MIRROR_PERCENT = 50


def normalize_traffic(traffic: Mapping[str, int]) -> dict[str, int]:
    """Names in lower case, without the entries of 0: `{"Blue": 0, "green": 100}` -> `{"green": 100}`."""
    return {name.lower(): percent for name, percent in traffic.items() if percent != 0}


def check_traffic(
    traffic: Mapping[str, int],
    mirror: Mapping[str, int],
    *,
    deployments: Collection[str],
    failed: Collection[str] = (),
) -> None:
    """Refuse a split that cannot be: raises InvalidInput naming the rule; both maps are normalised already.

    `deployments` are those that exist, also while they are still being created (their share takes effect when they
    are ready);
    `failed` those among them that have nothing in service.
    """
    for label, shares in (("traffic", traffic), ("mirror_traffic", mirror)):
        for name, percent in shares.items():
            if not isinstance(percent, int) or isinstance(percent, bool) or not 0 <= percent <= 100:
                raise InvalidInput(
                    f"{label} of '{name}' must be a whole number from 0 to 100, not {percent!r}.", target=label
                )
            if name not in deployments:
                raise InvalidInput(
                    f"{label} names the deployment '{name}', which does not exist.",
                    target=label,
                    hint=f"Existing deployments: {', '.join(sorted(deployments)) or 'none'}.",
                )
            if name in failed:
                raise InvalidInput(
                    f"{label} names the deployment '{name}', which has failed and has nothing in service.",
                    target=label,
                    hint=f"Read why with: teal online-deployment show --name {name}; update or delete it first.",
                )
    total = sum(traffic.values())
    if total not in (0, 100):
        raise InvalidInput(
            f"The live traffic must sum to 0 or 100 percent; this sums to {total}.",
            target="traffic",
            hint='Name every deployment that is to keep a share, for example --traffic "blue=90 green=10".',
        )
    _check_mirror(traffic, mirror)


# --- private


def _check_mirror(traffic: Mapping[str, int], mirror: Mapping[str, int]) -> None:
    if len(mirror) > 1:
        raise InvalidInput(
            f"Traffic can be mirrored to one deployment only, not to {len(mirror)}: {', '.join(sorted(mirror))}.",
            target="mirror_traffic",
        )
    for name, percent in mirror.items():
        if percent > MAX_MIRROR_PERCENT:
            raise InvalidInput(
                f"At most {MAX_MIRROR_PERCENT} percent of the traffic can be mirrored, not {percent}.",
                target="mirror_traffic",
            )
        if name in traffic:
            raise InvalidInput(
                f"The deployment '{name}' cannot have live and mirrored traffic at once.",
                target="mirror_traffic",
                hint=f"Set mirror_traffic of '{name}' to 0 before it gets live traffic, or the other way round.",
            )
