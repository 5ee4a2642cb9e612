"""A clock that is set ends no drain early and makes nothing wait for hours."""

from teal.reconcile.steady_clock import build_steady_clock


def test_time_goes_on_evenly_when_the_wall_clock_is_set() -> None:
    wall, steady = [1_000_000.0], [50.0]
    clock = build_steady_clock(lambda: wall[0], lambda: steady[0])
    assert clock() == 1_000_000.0
    for jump_s in (3600.0, -7200.0):
        wall[0] += jump_s
        steady[0] += 1
    assert clock() == 1_000_002.0
