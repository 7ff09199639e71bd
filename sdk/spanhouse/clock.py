"""One clock for all spans: monotonic while running, anchored to wall time when it leaves the process.

A span stores two readings of the monotonic clock, so its duration is right even when the wall clock is set
back in between. The anchor is checked by the worker, because monotonic time stands still while a machine
sleeps and runs on while wall time is corrected.
"""

import time
from collections.abc import Callable

now_ns: Callable[[], int] = time.perf_counter_ns
"""Monotonic nanoseconds since an arbitrary instant."""

_TOLERANCE_NS = 20_000_000
"""Smaller differences are not worth moving spans of one trace against each other."""


def _measure_offset_ns() -> int:
    """Wall minus monotonic time, from the tightest of a few readings."""
    best_gap, best_offset = None, 0
    for _ in range(5):
        before = now_ns()
        wall = time.time_ns()
        gap = now_ns() - before
        if best_gap is None or gap < best_gap:
            best_gap, best_offset = gap, wall - before - gap // 2
    return best_offset


class Anchor:
    """Where monotonic time lies on the wall clock; `offset_ns` is added to readings of `now_ns`."""

    __slots__ = ("offset_ns",)

    def __init__(self) -> None:
        self.offset_ns: int = _measure_offset_ns()

    def check(self) -> None:
        """Moves the anchor when wall time and monotonic time have parted by more than the tolerance."""
        offset = _measure_offset_ns()
        if abs(offset - self.offset_ns) > _TOLERANCE_NS:
            self.offset_ns = offset


ANCHOR = Anchor()
"""The process's anchor."""
