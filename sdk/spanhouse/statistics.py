"""What this process knows about its own functions: exact counts, and percentiles from fixed-size histograms.

A call pays for one list append; the arithmetic is done for many calls at once, by the worker, or by whoever
asks. Every call counts, sampled or not, exported or dropped.
"""

from __future__ import annotations

import threading
from collections import Counter
from operator import mul
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spanhouse import forks, histogram
from spanhouse.function_stats import FunctionStats, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLD_AT = 8192
"""Durations that may wait (a third of a megabyte) before a call does the arithmetic itself."""
_MOST_NAMES = 4096
_OTHER = "(other)"
"""Where names beyond the limit are counted together."""
CALL_SITE_ATTRIBUTE: Final = "__spanhouse_call_site__"
"""Set on captured functions."""


class _Totals(NamedTuple):
    """What has been added up; replaced as a whole, so that whoever reads it needs no lock."""

    calls: int = 0
    errors: int = 0
    total_ns: int = 0
    squares_ns2: int = 0
    min_ns: int = 0
    max_ns: int = 0
    buckets: Mapping[int, int] = MappingProxyType({})
    forgotten: int = 0


class Statistics:
    """The running statistics of one name.

    Concurrency: callers append to `pending`, which is atomic. Whoever folds works on a copy of its front, and puts the
    sum in place and takes that front away under `_lock` if the totals are still those he began with, else he begins
    again: others have added theirs, and each of these times one of them is done. Nothing is called while the lock is
    held, and CPython runs the handlers of signals between calls only: a handler may interrupt a fold and raise, ask for
    figures, flush, or wait for threads that fold. A failed call is appended as its complement, which keeps the append
    a single one.
    """

    __slots__ = ("_lock", "_relieving", "_totals", "name", "pending")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.pending: list[int] = []
        """Always the same list: captured calls append to it themselves, and `relieve` when it is `FOLD_AT` long."""
        self._totals = _Totals()
        self.after_fork()

    def reset(self) -> None:
        """Forgets all calls so far."""
        pending = self.pending
        while True:
            totals, count = self._totals, len(pending)
            fresh = _Totals(forgotten=totals.forgotten + totals.calls + count)
            with self._lock:  # no calls: see above
                if self._totals is totals:
                    del pending[:count]
                    self._totals = fresh
                    return

    def after_fork(self) -> None:
        """In the child: the calls were the parent's, and a thread that held the lock may be gone."""
        self._lock = threading.Lock()
        self._relieving = False
        self.reset()

    @property
    def seen(self) -> int:
        """Calls so far, forgotten ones too: a number that grows."""
        totals = self._totals
        return totals.forgotten + totals.calls + len(self.pending)

    def add(self, duration_ns: int, *, failed: bool = False) -> None:
        """Counts one call."""
        pending = self.pending
        pending.append(~duration_ns if failed else duration_ns)
        if len(pending) >= FOLD_AT:
            self.relieve()

    def relieve(self) -> None:
        """Folds, unless another thread is about to, for which a call need not do it as well."""
        if not self._relieving:
            self._relieving = True
            try:
                self.fold()
            finally:
                self._relieving = False

    def fold(self) -> _Totals:
        """Does the arithmetic for what has been appended so far; what it all comes to."""
        pending = self.pending
        while True:
            totals, count = self._totals, len(pending)
            if not count:
                return totals
            sums = _with(totals, pending[:count])
            with self._lock:  # no calls: see above
                if self._totals is totals:
                    del pending[:count]
                    self._totals = sums
                    return sums

    def read(self) -> FunctionStats:
        """Statistics of every call that has returned."""
        return figures(self.name, **self.fold()._asdict())


def _with(totals: _Totals, batch: list[int]) -> _Totals:
    """The totals and a batch of durations, of which those of failed calls are complements."""
    failed = [~duration for duration in batch if duration < 0]
    durations = [duration for duration in batch if duration >= 0] + failed if failed else batch
    # A function that is called often enough for this to matter is quick, and its durations repeat.
    counted = Counter(durations)
    values, weights = list(counted), list(counted.values())
    weighted = list(map(mul, values, weights))
    buckets = Counter(totals.buckets)
    histogram.count_into(buckets, counted)
    lowest, highest = min(values), max(values)
    return _Totals(
        calls=totals.calls + len(batch),
        errors=totals.errors + len(failed),
        total_ns=totals.total_ns + sum(weighted),
        squares_ns2=totals.squares_ns2 + sum(map(mul, values, weighted)),
        min_ns=min(totals.min_ns, lowest) if totals.calls else lowest,
        max_ns=max(totals.max_ns, highest),
        buckets=MappingProxyType(buckets),
        forgotten=totals.forgotten,
    )


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
