"""When a series of probe results becomes a verdict."""

import pytest

from teal.domain.errors import InvalidInput
from teal.domain.probes import ProbeRecord, ProbeSettings, assess_probe


def after(settings: ProbeSettings, results: str, record: ProbeRecord | None = None) -> bool | None:
    """The verdict after results written as + (good) and - (bad)."""
    record = record or ProbeRecord()
    for result in results:
        record = assess_probe(record, settings, None if result == "+" else "refused")
    return record.passing


@pytest.mark.parametrize(
    ("successes", "failures", "results", "verdict"),
    [
        (1, 3, "", None),
        (1, 3, "+", True),
        (2, 3, "+", None),
        (2, 3, "+-+", None),
        (2, 3, "++", True),
        (1, 3, "--", None),
        (1, 3, "---", False),
        (1, 3, "+--", True),
        (1, 3, "+--+--", True),
        (1, 3, "+---", False),
        (1, 3, "+---+", True),
    ],
)
def test_a_verdict_changes_only_at_its_threshold(
    successes: int, failures: int, results: str, verdict: bool | None
) -> None:
    settings = ProbeSettings(success_threshold=successes, failure_threshold=failures)
    assert after(settings, results) is verdict


def test_the_last_failure_is_remembered() -> None:
    record = assess_probe(ProbeRecord(), ProbeSettings(), "status 500")
    assert assess_probe(record, ProbeSettings(), None).last_failure == "status 500"


def test_an_instance_may_start_for_as_long_as_the_probe_allows() -> None:
    assert ProbeSettings().startup_limit_s == 10 + 30 * 10


@pytest.mark.parametrize(
    "field", ["initial_delay_s", "timeout_s", "success_threshold", "failure_threshold", "period_s"]
)
def test_a_setting_below_its_least_value_is_refused(field: str) -> None:
    with pytest.raises(InvalidInput, match=field.removesuffix("_s")):
        ProbeSettings(**{field: 0})
