"""Time that goes on evenly whoever sets the machine's clock: what waits for a time in `loop.py` and `checks.py` would
else wait for hours, or count as overdue at once and have requests cut."""

import time
from collections.abc import Callable


def build_steady_clock(
    wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Seconds since 1970 by the wall's clock as it is now, and from then on by the steady one."""
    began_at = wall() - steady()
    return lambda: began_at + steady()
