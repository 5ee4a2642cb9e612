"""The rules of live and mirrored traffic (`spec/azureml.md` §1.5, design §6). Called by control before anything is
written."""

from collections.abc import Collection, Mapping

from teal.domain.endpoint_settings import DEFAULT_SETTINGS, EndpointSettings
from teal.domain.errors import InvalidInput

Percent = int | float
"""A whole number, unless the endpoint's `teal.traffic_precision` says otherwise."""


def normalize_traffic(traffic: Mapping[str, Percent]) -> dict[str, Percent]:
    """Names in lower case, without the entries of 0: `{"Blue": 0, "green": 100}` -> `{"green": 100}`. Raises
    InvalidInput where one deployment has two shares."""
    shares: dict[str, Percent] = {}
    for name, percent in traffic.items():
        if name.lower() in shares:
            raise InvalidInput(
                f"The deployment '{name.lower()}' is named twice, in letters of other case.", target=name
            )
        shares[name.lower()] = _as_whole(percent)
    return {name: percent for name, percent in shares.items() if percent != 0}


def check_traffic(
    traffic: Mapping[str, Percent],
    mirror: Mapping[str, Percent],
    *,
    deployments: Collection[str],
    failed: Collection[str] = (),
    settings: EndpointSettings = DEFAULT_SETTINGS,
) -> None:
    """Refuse a split that cannot be: raises InvalidInput naming the rule; both maps are normalised already.

    `deployments` are those that exist, also while they are still being created (their share takes effect when they
    are ready);
    `failed` those among them that have nothing in service.
    """
    for label, shares in (("traffic", traffic), ("mirror_traffic", mirror)):
        for name, percent in shares.items():
            _check_percent(label, name, percent, settings.hundredths)
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
    total = sum(round(percent * 100) for percent in traffic.values())
    if total not in (0, 100_00):
        raise InvalidInput(
            f"The live traffic must sum to 0 or 100 percent; this sums to {total / 100:g}.",
            target="traffic",
            hint='Name every deployment that is to keep a share, for example --traffic "blue=90 green=10".',
        )
    _check_mirror(traffic, mirror, settings.max_mirror_percent)


# --- private


def _as_whole(percent: Percent) -> Percent:
    return int(percent) if isinstance(percent, float) and percent.is_integer() else percent


def _check_percent(label: str, name: str, percent: Percent, hundredths: int) -> None:
    kind = "a whole number" if hundredths == 100 else f"a multiple of {hundredths / 100:g}"
    is_number = isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100
    if not is_number or abs(percent * 100 / hundredths - round(percent * 100 / hundredths)) > 1e-6:
        raise InvalidInput(
            f"{label} of '{name}' must be {kind} from 0 to 100, not {percent!r}.",
            target=label,
            hint="Shares down to 0.01 percent: set teal.traffic_precision to 0.01 in the endpoint's properties."
            if hundredths > 1
            else None,
        )


def _check_mirror(traffic: Mapping[str, Percent], mirror: Mapping[str, Percent], most: int) -> None:
    if len(mirror) > 1:
        raise InvalidInput(
            f"Traffic can be mirrored to one deployment only, not to {len(mirror)}: {', '.join(sorted(mirror))}.",
            target="mirror_traffic",
        )
    for name, percent in mirror.items():
        if percent > most:
            raise InvalidInput(
                f"At most {most} percent of the traffic can be mirrored, not {percent}.",
                target="mirror_traffic",
                hint="The endpoint's property teal.max_mirror_percent raises this, up to 100." if most < 100 else None,
            )
        if name in traffic:
            raise InvalidInput(
                f"The deployment '{name}' cannot have live and mirrored traffic at once.",
                target="mirror_traffic",
                hint=f"Set mirror_traffic of '{name}' to 0 before it gets live traffic, or the other way round.",
            )
