"""What one pass of the loop observed of one endpoint: processes, probes, the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teal.domain.instances import InstanceObserved
from teal.domain.probes import ProbeRecord


@dataclass(frozen=True, slots=True)
class Health:
    """Both probes of one instance, for its present attempt."""

    readiness: ProbeRecord = field(default_factory=ProbeRecord)
    liveness: ProbeRecord = field(default_factory=ProbeRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Observed facts; a missing key means "not known", never "fine".

    `published` is the version of the model that was handed to the gateway last, `rejected` the words of its refusal.
    `version_in_force` is what every live gateway has acknowledged (None: nothing), `settled` that none of them has yet
    to answer; `in_flight` the number of requests in the hands of each instance.
    """

    instances: Mapping[str, InstanceObserved] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    published: str | None = None
    version_in_force: str | None = None
    settled: bool = False
    rejected: str | None = None
    in_flight: Mapping[str, int] = field(default_factory=dict)
