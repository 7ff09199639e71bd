"""What this process knows about its own functions: exact counts, and percentiles from fixed-size histograms.

A call pays for one list append; the arithmetic is done for many calls at once, by the worker, or by whoever
asks. Every call counts, sampled or not, exported or dropped.
"""

from __future__ import annotations

import threading
from collections import Counter
from operator import mul
from typing import TYPE_CHECKING, Any, Final

from spanhouse import forks, histogram
from spanhouse.function_stats import FunctionStats, figures

if TYPE_CHECKING:
    from collections.abc import Callable

FOLD_AT = 8192
"""Durations that may wait (a third of a megabyte) before a call does the arithmetic itself."""
_MOST_NAMES = 4096
_OTHER = "(other)"
"""Where names beyond the limit are counted together."""
CALL_SITE_ATTRIBUTE: Final = "__spanhouse_call_site__"
"""Set on captured functions."""


class Statistics:
    """The running statistics of one name.

    Concurrency: callers append to `pending`, which is atomic; `fold` takes from its front under `_lock`, so a
    duration is counted once; `reset` takes all of it there. It is held for arithmetic only and never with another lock,
    so nobody waits for long. A failed call is appended as its complement, which keeps the append a single one.
    """

    __slots__ = (
        "_buckets",
        "_calls",
        "_errors",
        "_forgotten",
        "_lock",
        "_max",
        "_min",
        "_squares",
        "_total",
        "name",
        "pending",
    )

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.pending: list[int] = []
        """Always the same list: captured calls append to it themselves, and `fold` when it is `FOLD_AT` long."""
        self._calls = self._forgotten = 0
        self.after_fork()

    def reset(self) -> None:
        """Forgets all calls so far."""
        with self._lock:
            self._forgotten += self._calls + len(self.pending)
            self.pending.clear()
            self._buckets: Counter[int] = Counter()
            self._calls = self._errors = self._total = self._squares = self._max = 0
            self._min: int | None = None

    def after_fork(self) -> None:
        """In the child: the calls were the parent's, and a thread that held the lock may be gone."""
        self._lock = threading.Lock()
        self.reset()

    @property
    def seen(self) -> int:
        """Calls so far, forgotten ones too: a number that grows, a little behind while another thread folds."""
        return self._forgotten + self._calls + len(self.pending)

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
            return figures(
                self.name,
                calls=self._calls,
                errors=self._errors,
                total_ns=self._total,
                squares_ns2=self._squares,
                min_ns=self._min or 0,
                max_ns=self._max,
                buckets=dict(self._buckets),
                forgotten=self._forgotten,
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
    found = _statistics_of(function)
    if found is None:
        return FunctionStats(str(function))
    return found.read()


def all_stats() -> list[FunctionStats]:
    """Statistics of everything that was called, by total time, the largest first."""
    found = [statistics.read() for statistics in list(_by_name.values())]
    return sorted((item for item in found if item.calls), key=lambda item: item.total_ns, reverse=True)


def reset_stats(function: str | Callable[..., Any] | None = None) -> None:
    """Forgets the calls so far: of one captured function, or of the name of a span, or of all.

    Raises TypeError for a function that is not captured. Reports to sinks of `report_stats` go on from here: calls
    that they have not been told of are forgotten with the others.
    """
    if function is not None:
        found = _statistics_of(function)
        if found is not None:
            found.reset()
        return
    for statistics in list(_by_name.values()):
        statistics.reset()


def fold_all() -> None:
    """Does the arithmetic that waits: the worker calls this, so that callers need not."""
    for statistics in list(_by_name.values()):
        statistics.fold()


def calls_seen() -> int:
    """Calls of everything since the process began, forgotten ones too; cheap, as `Statistics.seen` is."""
    return sum(statistics.seen for statistics in list(_by_name.values()))


def _statistics_of(function: str | Callable[..., Any]) -> Statistics | None:
    if isinstance(function, str):
        return _by_name.get(function)
    site = getattr(getattr(function, "__func__", function), CALL_SITE_ATTRIBUTE, None)
    if site is None:
        raise TypeError(f"{function!r} is not captured")
    found: Statistics = site.statistics
    return found


def _after_fork() -> None:
    for statistics in list(_by_name.values()):
        statistics.after_fork()


forks.on_fork(_after_fork)
