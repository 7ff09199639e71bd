"""What this process knows about its own functions: exact counts, and percentiles from fixed-size histograms.

A call pays for one list append; the arithmetic is done for many calls at once, by the worker, or by whoever
asks. Every call counts, sampled or not, exported or dropped.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from operator import mul
from typing import TYPE_CHECKING, Any, Final

from spanhouse import forks, histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLD_AT = 8192
"""Durations that may wait (a third of a megabyte) before a call does the arithmetic itself."""
_MOST_NAMES = 4096
_OTHER = "(other)"
"""Where names beyond the limit are counted together."""
CALL_SITE_ATTRIBUTE: Final = "__spanhouse_call_site__"
"""Set on captured functions."""


@dataclass(frozen=True)
class FunctionStats:
    """One function's calls in this process. Durations are nanoseconds; all of them 0 when there were no calls."""

    name: str
    calls: int = 0
    errors: int = 0
    """Calls that raised an Exception."""
    total_ns: int = 0
    mean_ns: float = 0.0
    stddev_ns: float = 0.0
    """Of the sample (n - 1)."""
    stderr_ns: float = 0.0
    """Of the mean."""
    min_ns: int = 0
    max_ns: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict, repr=False)
    """Exponential histogram of scale 6: bucket index -> calls."""

    def percentile_ns(self, percent: float) -> float:
        """The duration that `percent` (0 .. 100) of the calls did not exceed, within 0.55%.

        Raises ValueError for a number outside of 0 .. 100.
        """
        if not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
            raise ValueError(f"a percentile is between 0 and 100, not {percent}")
        if not self.calls:
            return 0.0
        return histogram.percentile_ns(self.buckets, percent / 100, self.min_ns, self.max_ns)

    @property
    def p50_ns(self) -> float:
        """The median."""
        return self.percentile_ns(50)

    @property
    def p90_ns(self) -> float:
        """90th percentile."""
        return self.percentile_ns(90)

    @property
    def p95_ns(self) -> float:
        """95th percentile."""
        return self.percentile_ns(95)

    @property
    def p99_ns(self) -> float:
        """99th percentile."""
        return self.percentile_ns(99)

    @property
    def p999_ns(self) -> float:
        """99.9th percentile."""
        return self.percentile_ns(99.9)


class Statistics:
    """The running statistics of one name.

    Concurrency: callers append to `pending`, which is atomic; `fold` takes from its front under `_lock`, so a
    duration is counted once. It is held for arithmetic only and never with another lock, so nobody waits for long. A
    failed call is appended as its complement, which keeps the append a single one.
    """

    __slots__ = ("_buckets", "_calls", "_errors", "_lock", "_max", "_min", "_squares", "_total", "name", "pending")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.pending: list[int] = []
        """Always the same list: captured calls append to it themselves, and `fold` when it is `FOLD_AT` long."""
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self._lock = threading.Lock()
        self.pending.clear()
        self._buckets: Counter[int] = Counter()
        self._calls = self._errors = self._total = self._squares = self._max = 0
        self._min: int | None = None

    def add(self, duration_ns: int, *, failed: bool = False) -> None:
        """Counts one call."""
        pending = self.pending
        pending.append(~duration_ns if failed else duration_ns)
        if len(pending) >= FOLD_AT:
            self.fold()

    def fold(self) -> None:
        """Does the arithmetic for what has been appended so far."""
        with self._lock:
            count = len(self.pending)
            if not count:
                return
            batch = self.pending[:count]
            del self.pending[:count]
            durations, failed = _told_apart(batch)
            self._errors += failed
            self._calls += count
            # A function that is called often enough for this to matter is quick, and its durations repeat.
            counted = Counter(durations)
            values, weights = list(counted), list(counted.values())
            weighted = list(map(mul, values, weights))
            self._total += sum(weighted)
            self._squares += sum(map(mul, values, weighted))
            lowest = min(values)
            self._min = lowest if self._min is None else min(self._min, lowest)
            self._max = max(self._max, *values)
            histogram.count_into(self._buckets, counted)

    def read(self) -> FunctionStats:
        """Statistics of every call that has returned."""
        self.fold()
        with self._lock:
            calls, total = self._calls, self._total
            if not calls:
                return FunctionStats(self.name)
            variance = 0.0
            if calls > 1:
                # Integers of any size: no cancellation, however long the process runs.
                variance = (calls * self._squares - total * total) / (calls * (calls - 1))
            return FunctionStats(
                name=self.name,
                calls=calls,
                errors=self._errors,
                total_ns=total,
                mean_ns=total / calls,
                stddev_ns=sqrt(variance),
                stderr_ns=sqrt(variance / calls),
                min_ns=self._min or 0,
                max_ns=self._max,
                buckets=dict(self._buckets),
            )


def _told_apart(batch: list[int]) -> tuple[list[int], int]:
    """The durations of a batch, and how many of them are of failed calls, which were appended as complements.

    A function of its own because its comprehensions may not stand in a block that holds a lock: from Python 3.12 on
    they run in that block's frame, whose clean-up leaves them out, so a signal handler that raises there would leave
    the lock held for good.
    """
    failed = [~duration for duration in batch if duration < 0]
    if not failed:
        return batch, 0
    return [duration for duration in batch if duration >= 0] + failed, len(failed)


_by_name: dict[str, Statistics] = {}


def of(name: str) -> Statistics:
    """The statistics of a name, made when first needed."""
    found = _by_name.get(name)
    if found is None:
        if len(_by_name) >= _MOST_NAMES:
            name = _OTHER
        # setdefault is atomic: two threads that come here for one name get the same object.
        found = _by_name.setdefault(name, Statistics(name))
    return found


def stats(function: str | Callable[..., Any]) -> FunctionStats:
    """Calls, errors, mean, deviation, extremes and percentiles of one captured function in this process.

    `function` is the captured function itself or its span name; a name that was never called has 0 calls. Complete
    as of this call, in constant time and memory. Raises TypeError for a function that is not captured.
    """
    if isinstance(function, str):
        found = _by_name.get(function)
        return FunctionStats(function) if found is None else found.read()
    site = getattr(getattr(function, "__func__", function), CALL_SITE_ATTRIBUTE, None)
    if site is None:
        raise TypeError(f"{function!r} is not captured")
    read: FunctionStats = site.statistics.read()
    return read


def all_stats() -> list[FunctionStats]:
    """Statistics of everything that was called, by total time, the largest first."""
    found = [statistics.read() for statistics in list(_by_name.values())]
    return sorted((item for item in found if item.calls), key=lambda item: item.total_ns, reverse=True)


def reset_stats() -> None:
    """Forgets all calls so far."""
    for statistics in list(_by_name.values()):
        statistics.reset()


def fold_all() -> None:
    """Does the arithmetic that waits: the worker calls this, so that callers need not."""
    for statistics in list(_by_name.values()):
        statistics.fold()


forks.on_fork(reset_stats)  # statistics of a process; and its locks may be held by threads that are gone
