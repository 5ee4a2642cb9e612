"""Exact binomial bounds: between which counts a fair split lies. Used by the demo's steps; standard library only."""

import math

CONFIDENCE = 0.9999


def binomial_bounds(n: int, probability: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """The narrowest counts `(low, high)` outside of which either tail weighs at most `(1 - confidence) / 2`."""
    tail = (1 - confidence) / 2
    return _low(n, probability, tail), n - _low(n, 1 - probability, tail)


def is_within_bounds(count: int, n: int, probability: float) -> bool:
    low, high = binomial_bounds(n, probability)
    return low <= count <= high


# --- private


def _low(n: int, probability: float, tail: float) -> int:
    """The largest k with P(X < k) <= tail."""
    below = 0.0
    for k in range(n + 1):
        below += _mass(n, k, probability)
        if below > tail:
            return k
    return n


def _mass(n: int, k: int, probability: float) -> float:
    """P(X = k). In logarithms, because comb(2000, 1000) does not fit a float."""
    if probability in (0.0, 1.0):
        return float(k == n * probability)
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(ways + k * math.log(probability) + (n - k) * math.log1p(-probability))
