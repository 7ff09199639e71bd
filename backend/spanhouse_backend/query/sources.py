"""Which source answers a question: the coarsest that can, in one place.

Rollups answer whatever is asked of services, functions, kinds and statuses, over whole minutes: every whole UTC hour of
the window is read from the hourly one (adding up sixty minutes gives the same numbers, only later), the edges from the
minutes. A filter or grouping over anything else, a step that minutes do not add up to, or `exact`, needs the spans
themselves, and those are kept for a shorter time than the rollups: an answer whose beginning has expired says so.
"""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Accuracy, Source
from spanhouse_backend.query.conditions import ROLLUP_COLUMNS, condition, needs_spans, subject
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import Steps
from spanhouse_backend.query.times import SECOND_NS, Window, iso_time
from spanhouse_backend.query.vocabulary import Field

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
_HOUR_NS = HOUR_SECONDS * SECOND_NS
_COARSER: dict[Source, str] = {
    "raw": "the rollups, which know services, functions, kinds and statuses,",
    "rollup_1m": "whole hours",
    "rollup_1h": "whole hours",
}
# A bucket's geometric midpoint, which is within 0.55% of every duration in it (OpenTelemetry's exponential histogram at
# scale 6); the bucket of durations of zero, -32768, reads as 0 by the same formula.
_MIDPOINT = Fragment("toUInt64(round(exp2((bucket + 0.5) / 64)))")
_ITSELF = Fragment("bucket")
# The schema's bucket formula, for spans.
_INDEX = Fragment("if(Bucket = 0, -32768, toInt16(ceil(log2(Bucket) * 64) - 1))")
# In which step a call begins: the largest start that is not after it.
_STEP = "roundDown(toUInt32(toDateTime({time})), {{steps:Array(UInt32)}})"
_OF_ROLLUPS = "quantilesExactWeighted({levels})(Bucket, Calls)"
# Ten times as fast over spans, whose buckets are as many as they. It takes the element floor(level * n) where nearest
# rank has ceil(level * n) - 1: the same for a level that is a hair's breadth smaller.
_OF_SPANS = "quantilesExact({levels})(Bucket)"
_NUDGE = 1e-13


@dataclass(frozen=True)
class Chosen:
    """A source, over the window it answers, as the fragments that statements are made with.

    `calls` is a subquery of (ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket, Calls, DurationSum), and
    `extremes`, of rollups only, one of (.., Time, DurationMin, DurationMax, DurationSquares, Slowest), each with the
    columns `Group0`, `Group1`, .. that were asked for. `value` reads the nanoseconds off the variable `bucket`, which
    of spans is the duration itself.
    """

    source: Source
    accuracy: Accuracy
    from_ns: int
    to_ns: int
    calls: Fragment
    extremes: Fragment | None
    value: Fragment
    # The index of a call's bucket, of either source, and the columns that it is grouped by.
    index: Fragment
    keys: Fragment

    def percentiles(self, levels: tuple[float, ...]) -> Fragment:
        """The aggregate of `calls` that gives the buckets at these levels, by nearest rank, as an array."""
        function = _OF_SPANS if self.source == "raw" else _OF_ROLLUPS
        if self.source == "raw":
            levels = tuple(map(nearest_rank_of_spans, levels))
        parameters = {f"level_{number}": level for number, level in enumerate(levels)}
        return Fragment(function.format(levels=", ".join(f"{{{name}:Float64}}" for name in parameters)), parameters)


def nearest_rank_of_spans(level: float) -> float:
    """The level at which the engine's exact quantiles give the nearest rank at `level`."""
    return level - _NUDGE if _NUDGE < level < 1 else level


def step_of(time: str, steps: Steps) -> Fragment:
    """In which step a time, a column of ours, lies: where that begins, in Unix seconds."""
    return Fragment(_STEP.format(time=time), {"steps": list(steps.starts)})


def choose(
    window: Window,
    where: Filter,
    *,
    exact: bool = False,
    groups: tuple[Field, ...] = (),
    steps: Steps | None = None,
) -> Chosen:
    """The coarsest source that answers over `window`, grown to the minutes it touches when that is a rollup.

    Grouped by the fields `groups`, or by the `steps` that a call begins in, or not at all (one group, '').
    """
    filtered, columns, keys = condition(where), _group_columns(groups, steps), _keys(groups)
    if (
        exact
        or (steps and not steps.whole(MINUTE_SECONDS))
        or needs_spans(where)
        or any(group.column not in ROLLUP_COLUMNS for group in groups)
    ):
        bounds = {"from_ns": window.from_ns, "to_ns": window.to_ns}
        return Chosen(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            calls=statement("raw_calls.sql", bounds, filter=filtered, groups=columns),
            extremes=None,
            value=_ITSELF,
            index=_INDEX,
            keys=keys,
        )
    start = window.from_ns // SECOND_NS // MINUTE_SECONDS * MINUTE_SECONDS
    end = -(-window.to_ns // (SECOND_NS * MINUTE_SECONDS)) * MINUTE_SECONDS
    hours_start = -(-start // HOUR_SECONDS) * HOUR_SECONDS
    hours_end = end // HOUR_SECONDS * HOUR_SECONDS
    hourly = hours_start < hours_end and (steps is None or steps.whole(HOUR_SECONDS))
    if not hourly:
        hours_start = hours_end = end
    bounds = {"from": start, "to": end, "hours_from": hours_start, "hours_to": hours_end}
    return Chosen(
        source="rollup_1h" if hourly else "rollup_1m",
        accuracy="bucketed",
        from_ns=start * SECOND_NS,
        to_ns=end * SECOND_NS,
        calls=statement("rollup_calls.sql", bounds, filter=filtered, groups=columns),
        extremes=statement("rollup_extremes.sql", bounds, filter=filtered, groups=columns),
        value=_MIDPOINT,
        index=Fragment("Bucket"),
        keys=keys,
    )


async def notes(engine: Engine, source: Source, from_ns: int, to_ns: int) -> tuple[str, ...]:
    """What must be said of an answer from `source` over this window: that some of what it is read from has expired."""
    read = _oldest_read_ns(source, from_ns, to_ns)
    if read is None:
        return ()
    (kept,) = await engine.rows(statement("kept.sql"))
    first, hours = kept["spans_ns" if source == "raw" else "minutes_ns"], kept["hours_ns"]
    what = "spans" if source == "raw" else "minutes"
    # The first hour begins before the first span, which so begins within that hour unless some are gone.
    if hours is None or (first is not None and (first < hours + _HOUR_NS or read >= first)):
        return ()
    until = f" from before {iso_time(first)}" if first is not None else ""
    return (f"{what}{until} have expired: only {_COARSER[source]} reach further back",)


def _oldest_read_ns(source: Source, from_ns: int, to_ns: int) -> int | None:
    """The oldest span or minute that an answer over the window is made of; None when it is made of whole hours."""
    if source != "rollup_1h" or from_ns % _HOUR_NS:
        return from_ns
    return to_ns // _HOUR_NS * _HOUR_NS if to_ns % _HOUR_NS else None


async def since_first(engine: Engine, window: Window) -> Window:
    """`window`, but that of everything stored begins when the first of it was: for questions that go step by step."""
    if window.from_ns:
        return window
    (kept,) = await engine.rows(statement("kept.sql"))
    first = kept["hours_ns"] or window.to_ns - 1
    return Window(min(first, window.to_ns - 1), window.to_ns)


def _keys(groups: tuple[Field, ...]) -> Fragment:
    return Fragment(", ".join(f"Group{number}" for number in range(max(1, len(groups)))))


def _group_columns(groups: tuple[Field, ...], steps: Steps | None) -> Fragment:
    if steps:
        parts = [step_of("Time", steps)]
    else:
        parts = [subject(field, f"group_{number}") for number, field in enumerate(groups)] or [Fragment("''")]
    return Fragment(
        "".join(f", {part.sql} AS Group{number}" for number, part in enumerate(parts)),
        {name: value for part in parts for name, value in part.parameters.items()},
    )
