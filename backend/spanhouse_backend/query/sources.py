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
from spanhouse_backend.query.filters import Field, Filter
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.times import SECOND_NS, Window, iso_time

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
# A bucket's geometric midpoint, which is within 0.55% of every duration in it (OpenTelemetry's exponential histogram at
# scale 6); the bucket of durations of zero, -32768, reads as 0 by the same formula.
_MIDPOINT = Fragment("toUInt64(round(exp2((bucket + 0.5) / 64)))")
_ITSELF = Fragment("bucket")
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

    def percentiles(self, levels: tuple[float, ...]) -> Fragment:
        """The aggregate of `calls` that gives the buckets at these levels, by nearest rank, as an array."""
        function, nudge = (_OF_SPANS, _NUDGE) if self.source == "raw" else (_OF_ROLLUPS, 0.0)
        parameters = {
            f"level_{number}": level - nudge if nudge < level < 1 else level for number, level in enumerate(levels)
        }
        return Fragment(function.format(levels=", ".join(f"{{{name}:Float64}}" for name in parameters)), parameters)


def choose(
    window: Window,
    where: Filter,
    *,
    exact: bool = False,
    groups: tuple[Field, ...] = (),
    minutes: bool = True,
    hours: bool = True,
) -> Chosen:
    """The coarsest source that answers over `window`, grown to the minutes it touches when that is a rollup.

    `minutes`: whether whole minutes will do. `hours`: whether whole hours will, too.
    """
    filtered, columns = condition(where), _group_columns(groups)
    if exact or not minutes or needs_spans(where) or any(group.column not in ROLLUP_COLUMNS for group in groups):
        bounds = {"from_ns": window.from_ns, "to_ns": window.to_ns}
        return Chosen(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            calls=statement("raw_calls.sql", bounds, filter=filtered, groups=columns),
            extremes=None,
            value=_ITSELF,
        )
    start = window.from_ns // SECOND_NS // MINUTE_SECONDS * MINUTE_SECONDS
    end = -(-window.to_ns // (SECOND_NS * MINUTE_SECONDS)) * MINUTE_SECONDS
    hours_start = -(-start // HOUR_SECONDS) * HOUR_SECONDS
    hours_end = end // HOUR_SECONDS * HOUR_SECONDS
    hourly = hours and hours_start < hours_end
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
    )


async def notes(engine: Engine, source: Source, from_ns: int) -> tuple[str, ...]:
    """What must be said of an answer from `source` that begins at `from_ns`: whether its beginning has expired."""
    if source != "raw":
        return ()
    (kept,) = await engine.rows(statement("kept.sql"))
    spans_ns, rollups_ns = kept["spans_ns"], kept["rollups_ns"]
    # The rollup's first hour begins before its first span, so the spans begin within the hour unless some are gone.
    if rollups_ns is None or (spans_ns is not None and spans_ns < rollups_ns + HOUR_SECONDS * SECOND_NS):
        return ()
    if spans_ns is None:
        return ("the spans have expired: only the rollups, without attributes and exact durations, are kept",)
    if from_ns >= spans_ns:
        return ()
    return (f"spans from before {iso_time(spans_ns)} have expired: only the rollups reach further back",)


async def earliest_ns(engine: Engine, source: Source) -> int | None:
    """When the first thing that `source` keeps was, at the latest; None when it is empty."""
    (kept,) = await engine.rows(statement("kept.sql"))
    first: int | None = kept["spans_ns" if source == "raw" else "rollups_ns"]
    return first


def _group_columns(groups: tuple[Field, ...]) -> Fragment:
    parts = [subject(field, f"group_{number}") for number, field in enumerate(groups)]
    return Fragment(
        "".join(f", {part.sql} AS Group{number}" for number, part in enumerate(parts)),
        {name: value for part in parts for name, value in part.parameters.items()},
    )
