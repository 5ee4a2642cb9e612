"""The demo's binomial bounds, against sums of exact fractions."""

from fractions import Fraction
from itertools import accumulate
from math import comb

import pytest

from examples.demo.bounds import CONFIDENCE, binomial_bounds, is_within_bounds

TAIL = (1 - Fraction(CONFIDENCE)) / 2


@pytest.mark.parametrize("percent", [0, 1, 5, 10, 33, 50, 67, 90, 99, 100])
def test_bounds_are_those_of_exact_arithmetic(percent: int) -> None:
    for n in [*range(1, 60), 100, 250]:
        assert binomial_bounds(n, percent / 100) == exact_bounds(n, Fraction(percent, 100)), n


@pytest.mark.parametrize("n", [1, 7, 500, 2000, 5000])
def test_a_split_without_choice_allows_one_count_only(n: int) -> None:
    assert binomial_bounds(n, 0.0) == (0, 0)
    assert binomial_bounds(n, 1.0) == (n, n)


@pytest.mark.parametrize("n", [10, 500, 2000, 5000])
def test_the_two_halves_of_a_split_mirror_each_other(n: int) -> None:
    for percent in range(101):
        low, high = binomial_bounds(n, percent / 100)
        assert binomial_bounds(n, 1 - percent / 100) == (n - high, n - low)


def test_bounds_rise_with_the_share_and_hold_the_expected_count() -> None:
    previous = (0, 0)
    for percent in range(101):
        low, high = binomial_bounds(2000, percent / 100)
        assert (low, high) >= previous
        assert low <= 20 * percent <= high
        previous = (low, high)


def test_a_tenth_of_two_thousand_is_told_from_an_eighth() -> None:
    assert is_within_bounds(200, 2000, 0.1)
    assert not is_within_bounds(265, 2000, 0.1)
    assert not is_within_bounds(140, 2000, 0.1)


# --- private


def exact_bounds(n: int, probability: Fraction) -> tuple[int, int]:
    masses = [comb(n, k) * probability**k * (1 - probability) ** (n - k) for k in range(n + 1)]
    at_most = list(accumulate(masses))
    low = next(k for k in range(n + 1) if at_most[k] > TAIL)
    high = next(k for k in range(n + 1) if 1 - at_most[k] <= TAIL)
    return low, high
