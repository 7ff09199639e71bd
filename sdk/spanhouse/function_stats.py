"""One function's calls as figures: what `stats` answers, and what a sink of `report_stats` is handed.

Counts, sums, mean and deviation are exact, because they are made of whole numbers of any size. Percentiles come from
the buckets of `histogram` and are within 0.55%.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

from spanhouse import histogram

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    squares_ns2: int = field(default=0, repr=False)
    """The sum of the squared durations, in square nanoseconds."""
    forgotten: int = field(default=0, repr=False)
    """Calls before these, which `reset_stats` made this process forget."""

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

    def since(self, earlier: FunctionStats) -> FunctionStats:
        """The calls between two readings of one function, `earlier` and this one; those since a reset in between.

        As exact as the readings, but for the shortest and the longest: they are within 0.55%, rounded to nanoseconds,
        where a call before `earlier` was shorter or longer still. Raises ValueError where `earlier` is another
        function's, or the later.
        """
        if earlier.name != self.name or (earlier.forgotten, earlier.calls) > (self.forgotten, self.calls):
            raise ValueError(f"{earlier!r} is no earlier reading of {self!r}")
        if not earlier.calls or earlier.forgotten < self.forgotten:
            return self
        differences = {index: count - earlier.buckets.get(index, 0) for index, count in self.buckets.items()}
        buckets = {index: count for index, count in differences.items() if count}
        calls = self.calls - earlier.calls
        shortest = longest = 0
        if calls:
            shortest = self.min_ns if self.min_ns < earlier.min_ns else self._within(min(buckets))
            longest = self.max_ns if self.max_ns > earlier.max_ns else self._within(max(buckets))
        return figures(
            self.name,
            calls=calls,
            errors=self.errors - earlier.errors,
            total_ns=self.total_ns - earlier.total_ns,
            squares_ns2=self.squares_ns2 - earlier.squares_ns2,
            min_ns=shortest,
            max_ns=longest,
            buckets=buckets,
            forgotten=self.forgotten,
        )

    def _within(self, bucket: int) -> int:
        return round(min(max(histogram.midpoint_ns(bucket), self.min_ns), self.max_ns))


def figures(
    name: str,
    *,
    calls: int,
    errors: int,
    total_ns: int,
    squares_ns2: int,
    min_ns: int,
    max_ns: int,
    buckets: Mapping[int, int],
    forgotten: int,
) -> FunctionStats:
    """The figures that counts and sums come to."""
    variance = 0.0
    if calls > 1:
        # Integers of any size: no cancellation, however long the process runs.
        variance = (calls * squares_ns2 - total_ns * total_ns) / (calls * (calls - 1))
    return FunctionStats(
        name=name,
        calls=calls,
        errors=errors,
        total_ns=total_ns,
        mean_ns=total_ns / calls if calls else 0.0,
        stddev_ns=sqrt(variance),
        stderr_ns=sqrt(variance / calls) if calls else 0.0,
        min_ns=min_ns,
        max_ns=max_ns,
        buckets=buckets,
        squares_ns2=squares_ns2,
        forgotten=forgotten,
    )
