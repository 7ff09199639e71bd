"""Statistics of latency histograms that come in blocks of time: tests, intervals and corrections, in pure functions.

Calls of one minute resemble each other: a slow neighbour, a cold cache, a burst slows them together. A test that takes
every call for an independent draw, as Mann and Whitney's does, therefore finds changes where there are none. Here a
window is cut into some twenty blocks of time, and every variance is that *between blocks* (the method of batch means:
Schmeiser 1982, Batch size effects in the analysis of simulation output), never less than that of independent calls.
With every call a block of its own the test is exactly that of Brunner and Munzel.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from statistics import NormalDist
from typing import NamedTuple

Histogram = Mapping[int, int]
"""Calls by duration bucket: OpenTelemetry's exponential-histogram index at scale 6."""

BUCKETS_PER_OCTAVE = 64
ZERO_BUCKET = -32_768
_NORMAL = NormalDist()
# Student's t differs from the normal distribution by less than a percent from here on.
_NEARLY_NORMAL = 200.0


@dataclass(frozen=True)
class Blocks:
    """One function in one window of time: a histogram and a number of errors for each block in which it was called."""

    calls: tuple[Histogram, ...]
    errors: tuple[int, ...]

    @cached_property
    def total(self) -> Counter[int]:
        """All calls by bucket."""
        total: Counter[int] = Counter()
        for block in self.calls:
            total.update(block)
        return total


class Mean(NamedTuple):
    """A mean over calls, the variance of that mean, and the degrees of freedom of that variance."""

    value: float
    variance: float
    freedom: float


class Test(NamedTuple):
    """Two means compared: their difference, its standard error, and the two-sided p-value of there being none."""

    difference: float
    error: float
    freedom: float
    p_value: float

    def interval(self, alpha: float) -> tuple[float, float]:
        """The confidence interval of the difference at 1 - alpha."""
        reach = student_quantile(1 - alpha / 2, self.freedom) * self.error if self.error else 0.0
        return self.difference - reach, self.difference + reach


def midpoint_ns(bucket: int) -> float:
    """The geometric middle of a bucket, within 0.55% of every duration in it."""
    return 0.0 if bucket == ZERO_BUCKET else 2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE)


def mean_of(blocks: Sequence[tuple[int, float, float]]) -> Mean:
    """The mean of a score over calls that come in blocks of (calls, sum of scores, sum of their squares).

    The ratio estimator of cluster sampling (Cochran 1977, Sampling Techniques, 3rd edition, chapter 9A); its variance
    is that of independent calls when that is larger, as it is by chance when there are few blocks.
    """
    calls = sum(count for count, _, _ in blocks)
    mean = sum(total for _, total, _ in blocks) / calls
    between = independent = 0.0
    if len(blocks) > 1:
        residuals = sum((total - count * mean) ** 2 for count, total, _ in blocks)
        between = residuals * len(blocks) / (len(blocks) - 1) / calls**2
    if calls > 1:
        squares = sum(square for _, _, square in blocks)
        independent = max(0.0, squares - calls * mean**2) / (calls - 1) / calls
    return Mean(mean, max(between, independent), len(blocks) - 1)


def compared(first: Mean, second: Mean, blocks: tuple[int, int], null: float = 0.0) -> Test:
    """Welch's test of `second` - `first` against `null` (Welch 1947), with Satterthwaite's degrees of freedom.

    When no block differs from another there is no variance to judge by. Then the p-value is that of the block
    permutation test: of all ways to deal the blocks out, the two extreme ones.
    """
    difference = second.value - first.value - null
    variance = first.variance + second.variance
    if variance <= 1e-24:  # noqa: PLR2004  # what rounding leaves of zero
        p_value = 1.0 if abs(difference) < 1e-12 else min(1.0, 2 / math.comb(sum(blocks), blocks[0]))  # noqa: PLR2004
        return Test(difference, 0.0, max(1.0, sum(blocks) - 2), p_value)
    parts = sum(mean.variance**2 / max(1.0, mean.freedom) for mean in (first, second))
    freedom = variance**2 / parts
    error = math.sqrt(variance)
    return Test(difference, error, freedom, student_p_value(difference / error, freedom))


def superiority(baseline: Blocks, candidate: Blocks) -> Test:
    """Whether calls of the candidate tend to be slower: P(candidate > baseline) + P(equal) / 2, against one half.

    The difference is that probability - 1/2: 0 for no tendency, 1/2 when every call is slower. The probability is Mann
    and Whitney's U over the number of pairs, ties counted half; the variance is Brunner and Munzel's (2000, The
    nonparametric Behrens-Fisher problem), of each window's placements in the other, so that windows may differ in
    spread without being called different in place.
    """
    place_in_baseline, place_in_candidate = _placements(baseline.total), _placements(candidate.total)
    of_candidate = mean_of([_scored(block, place_in_baseline) for block in candidate.calls])
    of_baseline = mean_of([_scored(block, place_in_candidate) for block in baseline.calls])
    # The mean placement of either says the same; only the variances add up.
    anchor = Mean(0.5, of_baseline.variance, of_baseline.freedom)
    return compared(anchor, of_candidate, (len(baseline.calls), len(candidate.calls)))


def exceedance(baseline: Blocks, candidate: Blocks, level: float) -> Test:
    """Whether more of the candidate's calls are above the two windows' common quantile of this level.

    What a change of the tail alone shows in, which moves too few calls for `superiority` to notice.
    """
    bound = quantile(baseline.total + candidate.total, level)

    def above(blocks: Blocks) -> Mean:
        return mean_of(
            [_share(block, sum(n for bucket, n in block.items() if bucket > bound)) for block in blocks.calls]
        )

    return compared(above(baseline), above(candidate), (len(baseline.calls), len(candidate.calls)))


def error_rates(baseline: Blocks, candidate: Blocks) -> Test:
    """Whether more of the candidate's calls fail."""

    def failing(blocks: Blocks) -> Mean:
        return mean_of([_share(block, bad) for block, bad in zip(blocks.calls, blocks.errors, strict=True)])

    return compared(failing(baseline), failing(candidate), (len(baseline.calls), len(candidate.calls)))


def quantile(calls: Histogram, level: float) -> int:
    """The bucket of the nearest-rank quantile: the smallest with at least `level` of the calls at or below it."""
    buckets = sorted(calls)
    wanted = max(1, math.ceil(level * sum(calls.values()) - 1e-9))
    reached = accumulate(calls[bucket] for bucket in buckets)
    return next(bucket for bucket, below in zip(buckets, reached, strict=True) if below >= wanted)


def quantile_interval(blocks: Blocks, level: float, alpha: float) -> tuple[int, int]:
    """The buckets between which the quantile lies, with confidence 1 - alpha.

    Woodruff's interval (1952, Confidence intervals for medians and other position measures): the share of calls at or
    below the estimate has an error, here that between blocks, and the interval ends at the quantiles that far off.
    """
    total = blocks.total
    estimate = quantile(total, level)
    shares = [_share(block, sum(n for bucket, n in block.items() if bucket <= estimate)) for block in blocks.calls]
    below = mean_of(shares)
    # Many calls may share the estimate's bucket, and then the share below it varies less than that of the level does.
    independent = level * (1 - level) / sum(total.values())
    reach = student_quantile(1 - alpha / 2, max(1.0, below.freedom)) * math.sqrt(max(below.variance, independent))
    low, high = max(0.0, level - reach), min(1.0, level + reach)
    return quantile(total, low), quantile(total, high)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values (1995), in the order given.

    Of the tests with an adjusted value up to alpha, at most alpha are expected to be false alarms, however many
    functions are compared.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    result, least = [1.0] * len(p_values), 1.0
    for rank, index in zip(range(len(p_values), 0, -1), order, strict=True):
        least = min(least, p_values[index] * len(p_values) / rank)
        result[index] = least
    return result


def student_p_value(statistic: float, freedom: float) -> float:
    """The two-sided p-value of Student's t with `freedom` degrees of freedom, which need not be whole."""
    if freedom > _NEARLY_NORMAL:
        return 2 * _NORMAL.cdf(-abs(statistic))
    # Abramowitz and Stegun 26.7.1 with 26.5.27.
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + statistic**2))


@lru_cache(maxsize=1024)
def student_quantile(level: float, freedom: float) -> float:
    """The quantile of Student's t, for a level of at least one half, by bisection."""
    low, high = 0.0, 1.0
    tail = 2 * (1 - level)
    while student_p_value(high, freedom) > tail:
        low, high = high, high * 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if student_p_value(middle, freedom) > tail else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8)."""
    if x in {0.0, 1.0}:
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # From its tail up: so many terms are exact in floating point for the a up to 100 that come here.
    fraction = 1.0
    for term in range(100, 0, -1):
        half = term // 2
        if term % 2:
            coefficient = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            coefficient = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        fraction = 1 + coefficient / fraction
    return front / a / fraction


def _placements(calls: Histogram) -> tuple[list[int], list[int], int]:
    """Sorted buckets and the calls below each and at the end, for `_scored` to look places up in."""
    buckets = sorted(calls)
    return buckets, [0, *accumulate(calls[bucket] for bucket in buckets)], sum(calls.values())


def _scored(block: Histogram, placements: tuple[list[int], list[int], int]) -> tuple[int, float, float]:
    """A block's calls, and the sums of their places in the other window (0 fastest, 1 slowest) and of the squares."""
    buckets, below, total = placements
    count, places, squares, at = 0, 0.0, 0.0, 0
    for bucket in sorted(block):
        while at < len(buckets) and buckets[at] < bucket:
            at += 1
        equal = below[at + 1] - below[at] if at < len(buckets) and buckets[at] == bucket else 0
        place = (below[at] + equal / 2) / total
        count += block[bucket]
        places += block[bucket] * place
        squares += block[bucket] * place**2
    return count, places, squares


def _share(block: Histogram, hits: int) -> tuple[int, float, float]:
    return sum(block.values()), float(hits), float(hits)
