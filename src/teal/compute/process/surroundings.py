"""What all instances of one process backend share; made by backend.py, used by instance.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from teal.compute.environments import Environments
from teal.compute.process.launch import Command, LogLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all instances of a backend share. `changed` is told an instance id, `gone` that one has been removed."""

    environments: Environments
    command: Command
    log_limits: LogLimits
    server_variables: Mapping[str, str]
    machine_cpus: int
    now: Callable[[], float]
    changed: Callable[[str], None]
    gone: Callable[[str], None]
    ports: set[int] = field(default_factory=set)
