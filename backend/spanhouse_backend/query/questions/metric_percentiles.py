"""`metric_percentiles`: how the values of a histogram metric are distributed, beside the durations of spans.

A histogram knows of each value only which bucket it fell into. So each percentile comes with the bucket that it lies
in; the buckets are those that whoever measured chose, and say how exact the answer is.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from spanhouse_backend.query.answers import Answer, finite
from spanhouse_backend.query.conditions import condition, subject
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.metric_fields import METRIC, MetricFiltered, MetricGrouped
from spanhouse_backend.query.parameters import Limited, Windowed, plain
from spanhouse_backend.query.percentiles import Levelled, level_name
from spanhouse_backend.query.question import Given, Question, Reads
from spanhouse_backend.query.questions.metrics import TABLES
from spanhouse_backend.query.sources import step_of
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import Cut, Steps
from spanhouse_backend.query.times import SECOND_NS, Window

# How long before the window a point may be that the first one of the window is held against. Metrics are sent every
# minute or so; twice an unusually long five minutes.
LOOK_BACK_NS = 600 * SECOND_NS
EXPLICIT, EXPONENTIAL = "histogram", "exponential_histogram"
_COLUMNS = {
    EXPLICIT: Fragment("BucketCounts, ExplicitBounds"),
    EXPONENTIAL: Fragment(
        "Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts"
    ),
}
# Nanoseconds in units of time: UCUM's codes, which OpenTelemetry asks for, and the words that some write instead.
_NANOSECONDS = {
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1.0),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), 1e3),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e6),
    **dict.fromkeys(("s", "second", "seconds"), 1e9),
    **dict.fromkeys(("min", "minute", "minutes"), 60e9),
    **dict.fromkeys(("h", "hour", "hours"), 3600e9),
    **dict.fromkeys(("d", "day", "days"), 86_400e9),
}
# Of smaller ones, what percent the buckets are wide is no number that anybody can read.
_LEAST_PERCENT_SCALE = -1
_NO_STEP = Fragment("toUInt32(0)")
# What makes a stream of points (metrics data model, "Timeseries model"), until it begins anew.
_STREAM = Fragment(
    "sipHash128(ServiceName, ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes, Attributes, MetricUnit, "
    "AggregationTemporality, StartTimeUnix)"
)


@dataclass(frozen=True, slots=True)
class MetricPercentilesRow:
    """One group of values: `group` has its value of each field, '' where a point does not have it.

    `start_unix_ns` is where the step begins, null when the window is not cut. Units of time become nanoseconds: `unit`
    is "ns" then, and all numbers are in it, else the metric's own. `min` and `max` are null where senders do not say
    them, or only of values that were counted before the window as well. The value that has the rank of a percentile is
    more than `above` and at most `up_to`, null for no end; `percentiles` are an estimate between them: at the geometric
    midpoint of exponential buckets, and where linear interpolation puts it between explicit bounds (null if they have
    no end on either side).
    """

    start_unix_ns: int | None
    group: Mapping[str, str]
    type: str
    unit: str
    count: int
    sum: float | None
    mean: float | None
    min: float | None
    max: float | None
    percentiles: Mapping[str, float | None]
    above: Mapping[str, float | None]
    up_to: Mapping[str, float | None]


def _metric(given: Given) -> str:
    return plain(METRIC.name, given[METRIC])


@dataclass(frozen=True, kw_only=True)
class MetricPercentiles(Question[Answer[MetricPercentilesRow]], name="metric_percentiles", row=MetricPercentilesRow):
    """How are the values of a histogram metric distributed, by whatever they are grouped by, in each step of time?

    Each value is known by its bucket only; a row says which one each percentile lies in.
    """

    metric: Annotated[str, Reads(_metric, METRIC)]
    window: Windowed
    where: MetricFiltered
    group: MetricGrouped
    levels: Levelled
    cut: Cut
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[MetricPercentilesRow]:
        """One row a step, group, type and unit that has values, at most `limit`; the most values first."""
        window, steps = self.window, None
        if self.cut:
            steps = self.cut.cut(await self._since_first(engine))
            window = steps.window
        keys = [f"Group{number}" for number in range(len(self.group))]
        asked = statement(
            "metric_percentiles.sql",
            {"levels": list(self.levels), "limit": self.limit},
            listed_keys=Fragment(", ".join(keys)),
            explicit=self._intervals("metric_explicit.sql", EXPLICIT, window, steps),
            exponential=self._intervals("metric_exponential.sql", EXPONENTIAL, window, steps),
        )
        found = await engine.rows(asked)
        return Answer(
            source="raw",
            accuracy="bounded",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            notes=tuple(_notes(found)),
            rows=tuple(self._row(values) for values in found if values["count"]),
        )

    async def _since_first(self, engine: Engine) -> Window:
        """The window, but that of everything stored begins when the metric's first point was made."""
        if self.window.from_ns:
            return self.window
        (since,) = await engine.rows(statement("metric_since.sql", {"metric": self.metric}))
        last_ns = self.window.to_ns - 1
        return Window(last_ns if since["first_ns"] is None else min(since["first_ns"], last_ns), self.window.to_ns)

    def _intervals(self, file: str, kind: str, window: Window, steps: Steps | None) -> Fragment:
        """The subquery of the intervals that values of this type are in: what metric_percentiles.sql reads."""
        groups = [subject(one, f"group_{number}") for number, one in enumerate(self.group.values())]
        keys = Fragment("".join(f", Group{number}" for number in range(len(groups))))
        bounds = {"metric": self.metric, "from_ns": window.from_ns, "to_ns": window.to_ns}
        earlier = {"read_from_ns": max(0, window.from_ns - LOOK_BACK_NS)}
        parts = {
            "table": Fragment(TABLES[kind]),
            "stream": _STREAM,
            "step": step_of("TimeUnix", steps) if steps else _NO_STEP,
            "filter": condition(self.where),
        }
        next_step = step_of("NextTime", steps) if steps else _NO_STEP
        increments = statement(
            "metric_increments.sql",
            bounds | earlier,
            changes=statement("metric_changes.sql", bounds | earlier, next_step=next_step, **parts),
            columns=_COLUMNS[kind],
            groups=Fragment(
                "".join(f", {group.sql} AS Group{number}" for number, group in enumerate(groups)),
                {name: value for group in groups for name, value in group.parameters.items()},
            ),
            **parts,
        )
        return statement(file, increments=increments, keys=keys)

    def _row(self, values: Mapping[str, Any]) -> MetricPercentilesRow:
        factor = _NANOSECONDS.get(values["unit"])

        def number(value: float | None) -> float | None:
            return None if value is None else finite(value * (factor or 1))

        def named(numbers: Iterable[float | None]) -> dict[str, float | None]:
            return dict(zip(map(level_name, self.levels), map(number, numbers), strict=True))

        estimate = _midpoint if values["type"] == EXPONENTIAL else _between
        known = values["bounded"] and values["whole"]
        extremes = {"p0": number(values["min"]), "p100": number(values["max"])} if known else {}
        percentiles = named(map(estimate, values["above"], values["up_to"], values["reached"]))
        return MetricPercentilesRow(
            start_unix_ns=values["step"] * SECOND_NS if self.cut else None,
            group=dict(zip(self.group, values["keys"], strict=True)),
            type=values["type"],
            unit="ns" if factor else values["unit"],
            count=values["count"],
            sum=number(values["sum"]),
            mean=number(values["sum"] / values["count"]),
            min=extremes.get("p0"),
            max=extremes.get("p100"),
            # These two need no bucket to be read off.
            percentiles=percentiles | {name: extremes[name] for name in percentiles if name in extremes},
            above=named(values["above"]),
            up_to=named(values["up_to"]),
        )


def _between(above: float, up_to: float, reached: float) -> float | None:
    """Where linear interpolation puts a value between bounds, as Prometheus's histogram_quantile does."""
    if math.isinf(up_to):
        return None if math.isinf(above) else above
    if math.isinf(above):
        # Nothing says where the first bucket begins. What is measured is seldom negative.
        above = 0.0 if up_to > 0 else up_to
    return above + (up_to - above) * reached


def _midpoint(above: float, up_to: float, _: float) -> float:
    """The value whose relative distance to both bounds is the same: no other is closer to all of the bucket."""
    return math.copysign(math.sqrt(abs(above)) * math.sqrt(abs(up_to)), above)


def _notes(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How exact the percentiles are, and what is missing."""
    if left_out := sum(values["left_out"] for values in found):
        yield (
            f"of {left_out} cumulative series the first point in the window is left out: it counts from before the "
            "window on, and the point before it is not stored"
        )
    answered = [values for values in found if values["count"]]
    if scales := [values["scale"] for values in answered if values["scale"] is not None]:
        scale = min(scales)
        yield (
            f"buckets of exponential histograms are up to {_width(scale)} wide (scale {scale}): percentiles are within "
            f"{_width(scale + 1)} of the value that has their rank"
        )
    if any(values["type"] == EXPLICIT for values in answered):
        yield (
            "histograms with explicit bounds are interpolated between two of them: the value that has the rank is "
            "anywhere above `above` and up to `up_to`"
        )


def _width(scale: int) -> str:
    """How much more the upper bound of a bucket is than the lower one: base^1 - 1, base being 2^(2^-scale)."""
    if scale < _LEAST_PERCENT_SCALE:
        return f"2^(2^{-scale}) times"
    return f"{(math.exp2(math.exp2(-scale)) - 1) * 100:.3g}%"
