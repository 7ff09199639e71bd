"""`aggregate`: any figures of any groups of calls, step by step or not: what people would write SQL for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer, finite
from spanhouse_backend.query.conditions import condition, subject
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import field
from spanhouse_backend.query.parameters import Filtered, Limited, Windowed
from spanhouse_backend.query.percentiles import parse_level
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.questions.percentiles import GROUP, group_of_calls
from spanhouse_backend.query.sources import nearest_rank_of_spans, notes, since_first, step_of
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import CUT, Cut
from spanhouse_backend.query.times import SECOND_NS
from spanhouse_backend.query.vocabulary import Field

MAX_FIGURES = 10
SELECT = Parameter(
    "select",
    "Which figures, separated by commas: count, errors, and min, max, avg, sum or a percentile (p50, p99.9) of "
    "duration, attr.KEY or resource.KEY: 'count,p99(duration),sum(attr.bytes)'.",
    "count,errors,avg(duration),p99(duration)",
)
ORDER = Parameter(
    "order_by",
    'What to order by: a figure of select, a field of group, or "time"; then asc or desc if you want it the other way '
    "round: figures come downwards, all else upwards. By time, if it is cut, else by the first figure.",
)
_FIELD = r'(?:duration|(?:attr|resource)\.(?:"(?:[^"\\]|\\.)*"|[\w.\-/]+))'
_FIGURE = re.compile(rf"\s*(?:(count|errors)|(min|max|avg|sum|p[0-9.]+)\(\s*({_FIELD})\s*\))\s*(,|$)")
_COUNTED = {"count": Fragment("count()"), "errors": Fragment("countIf(StatusCode IN ('Error', 'STATUS_CODE_ERROR'))")}
# NULL where no span of the group has a number there.
_FUNCTIONS = {name: f"{name}OrNull({{value}})" for name in ("min", "max", "avg", "sum")}
_PERCENTILE = "quantileExactOrNull({level})({value})"
_DURATION = Fragment("Duration")
# What is no finite number is none: "12 ms" as much as "inf".
_NUMBER = "if(isFinite(toFloat64OrNull({text}) AS {name}), {name}, NULL)"
_UPWARDS, _DOWNWARDS = "ASC", "DESC"


class Figure(NamedTuple):
    """One figure: its name, which is how it is written; what is done (count, sum, p99), with what."""

    name: str
    function: str
    of: Field | None


class Order(NamedTuple):
    """By which column, "" for whatever suits, and which way."""

    column: str
    direction: str


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """One group of calls, in one step: `group` has its value of each field, '' where a span does not have it.

    `start_unix_ns` is where the step begins, null when the window is not cut. `figures` are by name: those of
    durations in nanoseconds, null where no call of the group has a number there.
    """

    start_unix_ns: int | None
    group: Mapping[str, str]
    figures: Mapping[str, float | None]


def _figures(given: Given) -> tuple[Figure, ...]:
    text, position, more = given[SELECT], 0, True
    figures: dict[str, Figure] = {}
    while more:
        match = _FIGURE.match(text, position)
        if not match or ((match[2] or "").startswith("p") and parse_level(match[2]) is None):
            raise InvalidQuestion(
                SELECT.name,
                f"{text[position : position + 100]!r} is not a figure: write count, errors, avg(duration), "
                "p99(duration), sum(attr.KEY) or their kin",
                text=text,
                column=position + 1,
            )
        of = field(SELECT.name, match[3]) if match[3] else None
        name = match[1] or f"{match[2]}({match[3]})"
        figures[name] = Figure(name, match[1] or match[2], of)
        position, more = match.end(), bool(match[4])
    if len(figures) > MAX_FIGURES:
        raise InvalidQuestion(SELECT.name, f"more than {MAX_FIGURES} figures are too many")
    return tuple(figures.values())


def _order(given: Given) -> Order:
    column, _, way = given[ORDER].strip().rpartition(" ")
    if way not in {"asc", "desc"}:
        column, way = given[ORDER].strip(), ""
    figures = [figure.name for figure in _figures(given)]
    columns = [*figures, *group_of_calls(given), *(["time"] if given[CUT] else [])]
    column = column.strip()
    if column and column not in columns:
        raise InvalidQuestion(ORDER.name, f"{column[:100]!r} is not in the answer: there are {', '.join(columns)}")
    column = column or ("time" if given[CUT] else figures[0])
    downwards = way == "desc" or (not way and column in figures)
    return Order(column, _DOWNWARDS if downwards else _UPWARDS)


@dataclass(frozen=True, kw_only=True)
class Aggregate(Question[Answer[AggregateRow]], name="aggregate", row=AggregateRow):
    """What do these figures come to, for each group of calls, in each step of time?

    It reads the spans themselves: whatever they have can be filtered by, grouped by and added up, and all is exact.
    """

    window: Windowed
    where: Filtered
    select: Annotated[tuple[Figure, ...], Reads(_figures, SELECT)]
    group: Annotated[Mapping[str, Field], Reads(group_of_calls, GROUP)]
    cut: Cut
    order: Annotated[Order, Reads(_order, ORDER)]
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[AggregateRow]:
        """One row a group and step that has calls, at most `limit`."""
        window, start = self.window, Fragment("NULL")
        if self.cut:
            steps = self.cut.cut(await since_first(engine, window))
            window, start = steps.window, step_of("Timestamp", steps)
        keys = _columns([subject(one, f"group_{number}") for number, one in enumerate(self.group.values())], "Group")
        figures = _columns([_figure(one, number) for number, one in enumerate(self.select)], "Figure")
        asked = statement(
            "aggregate.sql",
            {"from_ns": window.from_ns, "to_ns": window.to_ns, "limit": self.limit},
            start=start,
            groups=keys,
            figures=figures,
            filter=condition(self.where),
            keys=Fragment("".join(f", Group{number}" for number in range(len(self.group)))),
            order=self._ordered(),
        )
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            notes=await notes(engine, "raw", *window),
            rows=tuple(map(self._row, await engine.rows(asked))),
        )

    def _ordered(self) -> Fragment:
        """The column that is asked for, then all that tells rows apart: the same question gives the same answer."""
        names = {"time": "Start"}
        names |= {name: f"Group{number}" for number, name in enumerate(self.group)}
        names |= {figure.name: f"Figure{number}" for number, figure in enumerate(self.select)}
        first = f"{names[self.order.column]} {self.order.direction} NULLS LAST"
        return Fragment(", ".join([first, "Start", *(names[name] for name in self.group)]))

    def _row(self, values: Mapping[str, Any]) -> AggregateRow:
        start = values["Start"]
        return AggregateRow(
            start_unix_ns=None if start is None else start * SECOND_NS,
            group={name: values[f"Group{number}"] for number, name in enumerate(self.group)},
            figures={one.name: finite(values[f"Figure{number}"]) for number, one in enumerate(self.select)},
        )


def _figure(figure: Figure, number: int) -> Fragment:
    if figure.of is None:
        return _COUNTED[figure.function]
    value = _value(figure.of, number)
    level = parse_level(figure.function)
    if level is None:
        return Fragment(_FUNCTIONS[figure.function].format(value=value.sql), value.parameters)
    parameters = {**value.parameters, f"level_{number}": nearest_rank_of_spans(level)}
    return Fragment(_PERCENTILE.format(level=f"{{level_{number}:Float64}}", value=value.sql), parameters)


def _value(of: Field, number: int) -> Fragment:
    """The number that a span has there, NULL for none."""
    if of.kind == "duration":
        return _DURATION
    text = subject(of, f"figure_{number}")
    return Fragment(_NUMBER.format(text=text.sql, name=f"number_{number}"), text.parameters)


def _columns(parts: list[Fragment], name: str) -> Fragment:
    """The parts as further columns of a SELECT: Name0, Name1, .."""
    return Fragment(
        "".join(f", {part.sql} AS {name}{number}" for number, part in enumerate(parts)),
        {parameter: value for part in parts for parameter, value in part.parameters.items()},
    )
