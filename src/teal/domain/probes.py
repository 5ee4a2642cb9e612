"""Liveness and readiness: settings, defaults, and the judgement of a series of probe results. Called by reconcile."""

from dataclasses import dataclass

from teal.domain.errors import InvalidInput

MAX_OF_PROBE = 100_000
"""Seconds, or probes: more than a day of either means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """How an instance in service is probed; defaults and minima of `spec/azureml.md` §1.2. Times in seconds."""

    initial_delay_s: float = 10
    period_s: float = 10
    timeout_s: float = 2
    success_threshold: int = 1
    failure_threshold: int = 30

    def __post_init__(self) -> None:
        for field in ("initial_delay_s", "timeout_s", "success_threshold", "failure_threshold"):
            if not 1 <= getattr(self, field) <= MAX_OF_PROBE:
                name = field.removesuffix("_s")
                raise InvalidInput(f"{name} of a probe must be at least 1, and at most {MAX_OF_PROBE}.", target=name)
        if not 0 < self.period_s <= MAX_OF_PROBE:
            raise InvalidInput("period of a probe must be more than 0.", target="period")

    @property
    def startup_limit_s(self) -> float:
        """How long a started instance may take until its first good answer, before it counts as never ready."""
        return self.initial_delay_s + self.period_s * self.failure_threshold


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """What a series of probes amounts to so far. `passing` None: no verdict yet."""

    passing: bool | None = None
    successes_in_a_row: int = 0
    failures_in_a_row: int = 0
    last_failure: str | None = None


def assess_probe(record: ProbeRecord, settings: ProbeSettings, failure: str | None) -> ProbeRecord:
    """The record after one more result: `failure` is None for a good answer, else what went wrong.

    A verdict changes only when a threshold is reached, so a single lost probe never takes an instance out of service.
    """
    if failure is None:
        successes = record.successes_in_a_row + 1
        passing = True if successes >= settings.success_threshold else record.passing
        return ProbeRecord(passing, successes, 0, record.last_failure)
    failures = record.failures_in_a_row + 1
    passing = False if failures >= settings.failure_threshold else record.passing
    return ProbeRecord(passing, 0, failures, failure)
