"""The script that divides requests, in the Lua that Envoy runs: exact over any window, and sticky without detours."""

from collections import Counter
from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

from teal.gateway.splits import SCRIPT, format_plan

# A request with a body of one byte, as the script sees it: what it writes down.
REQUEST = """
function(plan)
  local written
  local headers = {get = function() return "1" end, replace = function(_, _, outcome) written = outcome end}
  local context = {get = function() return plan end}
  envoy_on_request({filterContext = function() return context end, headers = function() return headers end})
  return written
end
"""
KEYS = [f"user-{number}" for number in range(2000)]


def load_script() -> Any:
    lua = LuaRuntime()
    lua.execute(SCRIPT)
    return lua.globals()


LUA = load_script()


def divide(traffic: Mapping[str, float], count: int) -> list[str]:
    plan = LUA.read_plan(format_plan("orders", traffic))
    return [plan.names[LUA.choose_next(plan)] for _ in range(count)]


def assign(traffic: Mapping[str, float], keys: list[str] = KEYS) -> dict[str, str]:
    plan = LUA.read_plan(format_plan("orders", traffic))
    return {key: plan.names[LUA.choose_by_key(plan, key)] for key in keys}


def find_largest_error(answered: list[str], name: str, share: float) -> float:
    """Over all windows: the largest distance between what a deployment was given and its share, in requests."""
    ahead = list(accumulate((float(answer == name) - share for answer in answered), initial=0.0))
    return max(ahead) - min(ahead)


def splits(least: int, most: int) -> st.SearchStrategy[dict[str, int]]:
    """Percentages of `least` to `most` deployments that add up to 100."""

    def build(cuts: list[int]) -> dict[str, int]:
        edges = [0, *sorted(cuts), 100]
        return {f"d{number}": high - low for number, (low, high) in enumerate(pairwise(edges))}

    counts = st.integers(least, most)
    return counts.flatmap(
        lambda count: st.lists(st.integers(1, 99), min_size=count - 1, max_size=count - 1, unique=True).map(build)
    )


@settings(deadline=None, max_examples=50)
@given(splits(2, 2))
def test_two_deployments_are_never_more_than_one_request_from_their_share_in_any_window(
    traffic: dict[str, int],
) -> None:
    answered = divide(traffic, 500)
    for name, percent in traffic.items():
        assert find_largest_error(answered, name, percent / 100) <= 1.0 + 1e-9


@settings(deadline=None, max_examples=50)
@given(splits(3, 8))
def test_more_deployments_are_less_than_two_requests_from_their_share_in_any_window(traffic: dict[str, int]) -> None:
    answered = divide(traffic, 500)
    for name, percent in traffic.items():
        assert find_largest_error(answered, name, percent / 100) < 2.0
        assert abs(answered[:137].count(name) - 137 * percent / 100) < 1.0
    assert Counter(answered[:100]) == traffic


def test_a_share_of_a_hundredth_of_a_percent_is_one_request_in_ten_thousand() -> None:
    assert Counter(divide({"blue": 99.99, "green": 0.01}, 20_000)) == {"blue": 19_998, "green": 2}


def test_counting_starts_over_without_a_jump() -> None:
    answered = divide({"blue": 99.5, "green": 0.5}, 1_000_400)
    assert find_largest_error(answered[-1000:], "green", 0.005) <= 1.0 + 1e-6


@settings(deadline=None, max_examples=30)
@given(splits(2, 5))
def test_keys_are_divided_by_the_shares(traffic: dict[str, int]) -> None:
    seen = Counter(assign(traffic).values())
    for name, percent in traffic.items():
        share = percent / 100
        assert abs(seen[name] - len(KEYS) * share) <= 5 * (len(KEYS) * share * (1 - share)) ** 0.5 + 1


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 99), st.integers(1, 99))
def test_raising_one_of_two_moves_nobody_away_from_it(first: int, second: int) -> None:
    low, high = sorted((first, second))
    before = assign({"blue": 100 - low, "green": low})
    after = assign({"blue": 100 - high, "green": high})
    assert all(after[key] == "green" for key, name in before.items() if name == "green")


@settings(deadline=None, max_examples=40)
@given(splits(3, 5), splits(3, 5))
def test_a_key_moves_only_towards_a_share_that_grew_by_more(before: dict[str, int], after: dict[str, int]) -> None:
    names = before.keys() & after.keys()
    growth = {name: after[name] / before[name] for name in names}
    old, new = assign(before, KEYS[:400]), assign(after, KEYS[:400])
    for key in old:
        if old[key] != new[key] and {old[key], new[key]} <= names:
            assert growth[new[key]] > growth[old[key]]


def test_whom_a_key_gets_depends_on_nothing_but_key_and_shares() -> None:
    traffic = {"blue": 50, "green": 30, "red": 20}
    assert assign(traffic) == assign(dict(reversed(traffic.items())))


def test_a_new_deployment_takes_its_keys_evenly_from_the_others_and_moves_no_others() -> None:
    before, after = assign({"blue": 50, "green": 50}), assign({"blue": 45, "green": 45, "red": 10})
    moved = [before[key] for key in KEYS if before[key] != after[key]]
    assert all(after[key] == "red" for key in KEYS if before[key] != after[key])
    assert 60 < moved.count("blue") < 140
    assert 60 < moved.count("green") < 140


@pytest.mark.parametrize("percent", [1, 10, 50, 100, 0.5])
def test_copies_are_exact_for_every_deployment_apart(percent: float) -> None:
    plan = LUA.read_plan(format_plan("orders", {"blue": 90, "green": 10}, copy_percent=percent, copy_max_bytes=1))
    chosen = [LUA.choose_next(plan) for _ in range(20_000)]
    copied = Counter(i for i in chosen if LUA.is_copy_due(plan, i))
    assert abs(copied[1] - 18_000 * percent / 100) <= 1
    assert abs(copied[2] - 2_000 * percent / 100) <= 1


def test_only_what_leaves_the_route_it_is_on_is_written_down() -> None:
    lua = LuaRuntime()
    lua.execute(SCRIPT)
    send = lua.eval(REQUEST)
    plan = format_plan("orders", {"blue": 90, "green": 10}, own="blue", copy_percent=10, copy_max_bytes=100)
    assert Counter(send(plan) for _ in range(1000)) == {None: 810, "green": 90, "blue copy": 90, "green copy": 10}


@pytest.mark.parametrize(
    ("cookies", "value"),
    [("a=1; sid=x1; b=2", "x1"), ("sid=x=y", "x=y"), ("xsid=1", None), ("sid=", ""), ("", None), (";;=;sid", None)],
)
def test_a_cookie_is_found_by_its_whole_name(cookies: str, value: str | None) -> None:
    assert LUA.read_cookie(cookies, "sid") == value
