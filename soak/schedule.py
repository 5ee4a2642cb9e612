"""What happens to the endpoint and when, from a seed: the same seed gives the same steps. Pure; called by run.py.

Every step says how the endpoint is before and after it, so that whoever checks answers knows which ones are right.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

MAX_INSTANCES = 4
NAMES = ("blue", "green")


class Kind(StrEnum):
    """The names of the steps, as the report shows them."""

    SHIFT = "traffic shift"
    ROLLBACK = "rollback"
    MIRROR_ON = "mirror on"
    MIRROR_OFF = "mirror off"
    SCALE = "scale"
    UPDATE_VARIABLES = "update variables"
    UPDATE_MODEL = "update model"
    UPDATE_CODE = "update code"
    UPDATE_ENVIRONMENT = "update environment"
    FAIL_UPDATE = "failing update"
    ROTATE_KEY = "key rotation"
    DELETE = "delete deployment"
    CREATE = "create deployment"
    KILL_SERVER = "control plane killed"
    UPGRADE = "upgrade"
    REPLACE_GATEWAY = "gateway replaced"
    RETRY = "idempotent on or off"
    FILL_LOGS = "no room for logs"
    TERMINATE_INSTANCE = "instance terminated"
    KILL_INSTANCE = "instance killed"
    FREEZE_INSTANCE = "instance frozen"
    KILL_GATEWAY = "gateway killed"
    STICK = "sticky on or off"
    COUNT = "left alone and counted"


PLANNED = frozenset(Kind) - {Kind.KILL_INSTANCE, Kind.FREEZE_INSTANCE, Kind.KILL_GATEWAY}
"""Steps that may cost nobody anything."""

OFTEN: Mapping[Kind, int] = dict.fromkeys(Kind, 1) | {
    Kind.SHIFT: 30, Kind.ROLLBACK: 8, Kind.MIRROR_ON: 12, Kind.MIRROR_OFF: 12, Kind.ROTATE_KEY: 5, Kind.SCALE: 2,
    Kind.REPLACE_GATEWAY: 2, Kind.COUNT: 2,
}  # fmt: skip
"""How often a kind comes up, relative to others: the quick ones more often than those that start something."""

EVENLY: Mapping[Kind, int] = dict.fromkeys(Kind, 1)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment as wanted: how many instances, and numbers that change when it is updated."""

    instances: int = 1
    variables: int = 1
    model: int = 1
    code: int = 1
    environment: int = 1

    @property
    def version(self) -> str:
        """What its score.py answers."""
        return f"v{self.variables}-m{self.model}-c{self.code}-e{self.environment}"


@dataclass(frozen=True, slots=True)
class State:
    """The endpoint as wanted. `before` is the split that a rollback returns to; `idempotent`: what was lost with an
    instance may be sent to another one; `sticky`: the same caller is answered by the same deployment."""

    deployments: Mapping[str, Deployed]
    traffic: Mapping[str, int]
    mirror: Mapping[str, int]
    before: Mapping[str, int]
    idempotent: bool = False
    sticky: bool = False

    @property
    def right_answers(self) -> frozenset[tuple[str, str]]:
        """Who may answer a request that names no deployment, and as which version."""
        return frozenset((name, self.deployments[name].version) for name in self.traffic)

    @property
    def versions(self) -> Mapping[str, str]:
        """Who may be named, and as which version it answers."""
        return {name: deployed.version for name, deployed in self.deployments.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """One transition, `pause_s` after the one before it has ended."""

    kind: Kind
    deployment: str | None
    before: State
    after: State
    pause_s: float

    @property
    def words(self) -> str:
        return f"{self.kind} {self.deployment}" if self.deployment else str(self.kind)


FIRST = State(
    deployments={"blue": Deployed(), "green": Deployed()},
    traffic={"blue": 100},
    mirror={},
    before={"green": 100},
)


def build_schedule(
    seed: int,
    transitions: int,
    kinds: frozenset[Kind] = frozenset(Kind),
    *,
    often: Mapping[Kind, int] = OFTEN,
    longest_pause_s: float = 0.5,
) -> tuple[Step, ...]:
    """Every kind comes up in every round of a shuffled deck, as soon as the state allows it."""
    random = Random(seed)
    deck = _deal(random, kinds, often)
    steps: list[Step] = []
    waiting: list[Kind] = []
    state = FIRST
    while len(steps) < transitions:
        waiting.append(next(deck))
        if len(waiting) > _GIVE_UP_AFTER:
            raise ValueError(f"none of these can ever happen: {', '.join(sorted(set(waiting)))}")
        for kind in waiting:
            following = {name: _NEXT[kind](state, name, random) for name in NAMES}
            possible = [(name, after) for name, after in following.items() if after is not None]
            if possible:
                name, after = random.choice(possible)
                shown = None if kind in _OF_ENDPOINT else name
                steps.append(Step(kind, shown, state, after, random.uniform(0, longest_pause_s)))
                state = after
                waiting.remove(kind)
                break
    return tuple(steps)


# --- private

_GIVE_UP_AFTER = 1000

_OF_ENDPOINT = frozenset(
    {Kind.SHIFT, Kind.ROLLBACK, Kind.MIRROR_OFF, Kind.ROTATE_KEY, Kind.KILL_SERVER, Kind.UPGRADE, Kind.FILL_LOGS}
    | {Kind.REPLACE_GATEWAY, Kind.RETRY, Kind.KILL_GATEWAY, Kind.STICK, Kind.COUNT}
)


def _deal(random: Random, kinds: frozenset[Kind], often: Mapping[Kind, int]) -> Iterator[Kind]:
    if not kinds:
        raise ValueError("a schedule needs at least one kind of step")
    while True:
        deck = [kind for kind in Kind for _ in range(often[kind]) if kind in kinds]
        random.shuffle(deck)
        yield from deck


def _with(state: State, name: str, deployed: Deployed) -> State:
    return replace(state, deployments={**state.deployments, name: deployed})


def _shift(state: State, _: str, random: Random) -> State | None:
    if any(name not in state.deployments or name in state.mirror for name in NAMES):
        return None
    shares = [share for share in (0, 1, 10, 25, 50, 75, 90, 100) if share != state.traffic.get("green", 0)]
    share = random.choice(shares)
    traffic = {name: percent for name, percent in (("blue", 100 - share), ("green", share)) if percent}
    return replace(state, traffic=traffic, before=state.traffic)


def _rollback(state: State, _: str, __: Random) -> State | None:
    known = all(name in state.deployments and name not in state.mirror for name in state.before)
    return replace(state, traffic=state.before, before=state.traffic) if known else None


def _mirror_on(state: State, name: str, random: Random) -> State | None:
    if name in state.traffic or name not in state.deployments or state.mirror:
        return None
    return replace(state, mirror={name: random.choice((10, 25, 50))})


def _mirror_off(state: State, _: str, __: Random) -> State | None:
    return replace(state, mirror={}) if state.mirror else None


def _scale(state: State, name: str, random: Random) -> State | None:
    if name not in state.deployments:
        return None
    deployed = state.deployments[name]
    wanted = 1 if deployed.instances > 1 else random.randint(2, MAX_INSTANCES)
    return _with(state, name, replace(deployed, instances=wanted))


def _count_up(member: str) -> "_Next":
    def update(state: State, name: str, _: Random) -> State | None:
        if name not in state.deployments:
            return None
        deployed = state.deployments[name]
        return _with(state, name, replace(deployed, **{member: getattr(deployed, member) + 1}))

    return update


def _update_environment(state: State, name: str, _: Random) -> State | None:
    if name not in state.deployments:
        return None
    deployed = state.deployments[name]
    return _with(state, name, replace(deployed, environment=3 - deployed.environment))


def _delete(state: State, name: str, _: Random) -> State | None:
    # Blue stays, so that there is always somebody to take the traffic back.
    if name == "blue" or name not in state.deployments or name in state.traffic or name in state.mirror:
        return None
    return replace(state, deployments={n: d for n, d in state.deployments.items() if n != name})


def _create(state: State, name: str, _: Random) -> State | None:
    return None if name in state.deployments else _with(state, name, Deployed())


def _stay(state: State, name: str, _: Random) -> State | None:
    return state if name in state.deployments else None


def _toggle_idempotent(state: State, _: str, __: Random) -> State | None:
    return replace(state, idempotent=not state.idempotent)


def _toggle_sticky(state: State, _: str, __: Random) -> State | None:
    return replace(state, sticky=not state.sticky)


def _has_company(state: State, name: str, _: Random) -> State | None:
    """Faults of an instance need another one that can take over."""
    return state if name in state.traffic and state.deployments[name].instances > 1 else None


_Next = Callable[[State, str, Random], State | None]

_NEXT: Mapping[Kind, _Next] = {
    Kind.SHIFT: _shift,
    Kind.ROLLBACK: _rollback,
    Kind.MIRROR_ON: _mirror_on,
    Kind.MIRROR_OFF: _mirror_off,
    Kind.SCALE: _scale,
    Kind.UPDATE_VARIABLES: _count_up("variables"),
    Kind.UPDATE_MODEL: _count_up("model"),
    Kind.UPDATE_CODE: _count_up("code"),
    Kind.UPDATE_ENVIRONMENT: _update_environment,
    Kind.FAIL_UPDATE: _stay,
    Kind.ROTATE_KEY: _stay,
    Kind.DELETE: _delete,
    Kind.CREATE: _create,
    Kind.KILL_SERVER: _stay,
    Kind.UPGRADE: _stay,
    Kind.FILL_LOGS: _stay,
    Kind.TERMINATE_INSTANCE: _has_company,
    Kind.KILL_INSTANCE: _has_company,
    Kind.FREEZE_INSTANCE: _has_company,
    Kind.REPLACE_GATEWAY: _stay,
    Kind.RETRY: _toggle_idempotent,
    Kind.KILL_GATEWAY: _stay,
    Kind.STICK: _toggle_sticky,
    Kind.COUNT: _stay,
}
