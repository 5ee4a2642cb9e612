"""What replaced Envoys have counted goes on, and is forgotten with what it belongs to."""

from pathlib import Path

from teal.gateway.totals import CarriedTotals
from teal.gateway.traffic import TrafficObserved, add_observed

BLUE = TrafficObserved(requests_total=10, mirrored_total=3)
GREEN = TrafficObserved(requests_total=1)


def test_totals_of_several_envoys_are_added() -> None:
    other = TrafficObserved(requests_total=5, mirror_skipped_total=1)
    summed = add_observed(({"blue": BLUE, "green": GREEN}, {"blue": other}))
    assert summed["blue"] == TrafficObserved(requests_total=15, mirrored_total=3, mirror_skipped_total=1)
    assert summed["green"] == GREEN


def test_they_are_kept_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "totals.json"
    carried = CarriedTotals(file)
    carried.add({("orders", "blue"): BLUE})
    carried.add({("orders", "blue"): BLUE, ("orders", "green"): GREEN})
    assert CarriedTotals(file).of("orders") == {
        "blue": TrafficObserved(requests_total=20, mirrored_total=6), "green": GREEN,
    }  # fmt: skip


def test_a_deployment_that_is_deleted_begins_at_0_when_it_is_made_again(tmp_path: Path) -> None:
    carried = CarriedTotals(tmp_path / "totals.json")
    carried.add({("orders", "blue"): BLUE, ("orders", "green"): GREEN, ("other", "green"): GREEN})
    carried.keep("orders", {"blue"})
    assert carried.all.keys() == {("orders", "blue"), ("other", "green")}
    carried.keep("orders", frozenset())
    assert carried.of("orders") == {}
    assert CarriedTotals(tmp_path / "totals.json").all.keys() == {("other", "green")}


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "totals.json"
    file.write_text('{"orders/blue": {"no such total": 1}}')
    assert CarriedTotals(file).all == {}
