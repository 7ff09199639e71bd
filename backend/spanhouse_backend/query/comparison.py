"""Two windows of time, function by function: what became slower or faster, by how much, and how sure that is.

Four things of each function are tested: whether its calls in general tend to be slower (`inference.superiority`),
whether more of them lie in the tail (`exceedance` of p95 and of p99), and whether more of them fail. All tests of all
functions are corrected together (Benjamini and Hochberg), and a change is only called one when it is also large enough
to matter, so that neither a thousand functions nor a million calls make a verdict out of nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from spanhouse_backend.query.inference import (
    BUCKETS_PER_OCTAVE,
    ZERO_BUCKET,
    Blocks,
    Test,
    adjusted,
    error_rates,
    exceedance,
    midpoint_ns,
    quantile,
    quantile_interval,
    superiority,
)

ALPHA = 0.05
"""Of the changes that are reported, at most this share are expected to be false alarms."""
MIN_EFFECT = 0.05
"""A change by less than this share of the baseline is none."""
MIN_CALLS, MIN_BLOCKS = 50, 5
"""With fewer calls, or calls in fewer blocks, in either window there is too little to tell."""
LEVELS = (0.5, 0.9, 0.95, 0.99)
TAILS = (0.95, 0.99)
# Calls beyond a tail's bound that are to be expected in each window before its share means something.
_MIN_TAIL_CALLS = 20

Verdict = Literal["slower", "faster", "same", "too_little_data"]
ErrorVerdict = Literal["more", "fewer", "same", "too_little_data"]


@dataclass(frozen=True, slots=True)
class PercentileShift:
    """One percentile in both windows, and candidate over baseline with its confidence interval."""

    level: float
    baseline_ns: int
    candidate_ns: int
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one function changed.

    `shift` is the factor between the geometric means of the durations, `superiority` the probability that a call of the
    candidate is slower than one of the baseline (0.5 when neither), with its interval. `changed` names what the verdict
    rests on ("typical", "p95", "p99"); `p_value` and `errors_p_value` are corrected for all tests of all functions.
    """

    verdict: Verdict
    changed: tuple[str, ...]
    p_value: float
    shift: float
    superiority: float
    superiority_low: float
    superiority_high: float
    percentiles: tuple[PercentileShift, ...]
    baseline_calls: int
    candidate_calls: int
    errors: ErrorVerdict
    errors_p_value: float
    baseline_errors: int
    candidate_errors: int


class _Finding(NamedTuple):
    what: str
    test: Test
    effects: tuple[float, ...]
    """Candidate over baseline, by the measures of which one has to be large enough."""


def compare(
    pairs: Sequence[tuple[Blocks, Blocks]], alpha: float = ALPHA, effect: float = MIN_EFFECT
) -> list[Comparison]:
    """One Comparison for each (baseline, candidate), neither without calls, in the same order."""
    enough = [all(len(b.calls) >= MIN_BLOCKS and b.total.total() >= MIN_CALLS for b in pair) for pair in pairs]
    shifts = [_shifts(*pair, alpha) for pair in pairs]
    findings = [
        _findings(*pair, shift) if told else [] for pair, shift, told in zip(pairs, shifts, enough, strict=True)
    ]
    corrected = iter(adjusted([finding.test.p_value for found in findings for finding in found]))
    return [
        _comparison(pair, shift, [(finding, next(corrected)) for finding in found], alpha, effect)
        for pair, shift, found in zip(pairs, shifts, findings, strict=True)
    ]


def geometric_shift(baseline: Mapping[int, int], candidate: Mapping[int, int]) -> float:
    """Candidate over baseline, of the geometric means of the durations; calls of 0 ns count as 1 ns."""

    def mean_bucket(calls: Mapping[int, int]) -> float:
        return sum((-1 if bucket == ZERO_BUCKET else bucket) * n for bucket, n in calls.items()) / sum(calls.values())

    octaves = (mean_bucket(candidate) - mean_bucket(baseline)) / BUCKETS_PER_OCTAVE
    return math.exp2(max(-64.0, min(64.0, octaves)))


def _shifts(baseline: Blocks, candidate: Blocks, alpha: float) -> tuple[PercentileShift, ...]:
    return tuple(_shift(baseline, candidate, level, alpha) for level in LEVELS)


def _shift(baseline: Blocks, candidate: Blocks, level: float, alpha: float) -> PercentileShift:
    """The interval of the ratio from those of its parts: MOVER, on the logarithms (Zou and Donner 2008)."""
    before, after = (quantile(blocks.total, level) for blocks in (baseline, candidate))
    (before_low, before_high), (after_low, after_high) = (
        quantile_interval(blocks, level, alpha) for blocks in (baseline, candidate)
    )
    middle = _log(after) - _log(before)
    below = math.hypot(_log(after) - _log(after_low), _log(before_high) - _log(before))
    above = math.hypot(_log(after_high) - _log(after), _log(before) - _log(before_low))
    return PercentileShift(
        level,
        round(midpoint_ns(before)),
        round(midpoint_ns(after)),
        math.exp2(middle),
        math.exp2(middle - below),
        math.exp2(middle + above),
    )


def _log(bucket: int) -> float:
    return (max(bucket, -1) + 0.5) / BUCKETS_PER_OCTAVE


def _findings(baseline: Blocks, candidate: Blocks, shifts: tuple[PercentileShift, ...]) -> list[_Finding]:
    ratios = {shift.level: shift.ratio for shift in shifts}
    typical = (geometric_shift(baseline.total, candidate.total), ratios[0.5])
    found = [_Finding("typical", superiority(baseline, candidate), typical)]
    fewest = min(baseline.total.total(), candidate.total.total())
    found += [
        _Finding(f"p{level * 100:.0f}", exceedance(baseline, candidate, level), (ratios[level],))
        for level in TAILS
        if fewest * (1 - level) >= _MIN_TAIL_CALLS
    ]
    found.append(_Finding("errors", error_rates(baseline, candidate), ()))
    return found


def _comparison(
    pair: tuple[Blocks, Blocks],
    shifts: tuple[PercentileShift, ...],
    corrected: list[tuple[_Finding, float]],
    alpha: float,
    effect: float,
) -> Comparison:
    baseline, candidate = pair
    slower: list[str] = []
    faster: list[str] = []
    p_value = errors_p_value = 1.0
    verdict: Verdict = "same" if corrected else "too_little_data"
    errors: ErrorVerdict = "same" if corrected else "too_little_data"
    for finding, p in corrected:
        up = finding.test.difference > 0
        if finding.what == "errors":
            errors_p_value = p
            if p <= alpha:
                errors = "more" if up else "fewer"
            continue
        p_value = min(p_value, p)
        if p <= alpha and any(_beyond(ratio, effect, up=up) for ratio in finding.effects):
            (slower if up else faster).append(finding.what)
    if slower or faster:
        # What became slower is what somebody has to look at, whatever became faster beside it.
        verdict = "slower" if slower else "faster"
    tendency = superiority(baseline, candidate)
    low, high = tendency.interval(alpha)
    return Comparison(
        verdict=verdict,
        changed=tuple(slower or faster),
        p_value=p_value,
        shift=geometric_shift(baseline.total, candidate.total),
        superiority=0.5 + tendency.difference,
        superiority_low=max(0.0, 0.5 + low),
        superiority_high=min(1.0, 0.5 + high),
        percentiles=shifts,
        baseline_calls=baseline.total.total(),
        candidate_calls=candidate.total.total(),
        errors=errors,
        errors_p_value=errors_p_value,
        baseline_errors=sum(baseline.errors),
        candidate_errors=sum(candidate.errors),
    )


def _beyond(ratio: float, effect: float, *, up: bool) -> bool:
    return ratio >= 1 + effect if up else ratio <= 1 / (1 + effect)
