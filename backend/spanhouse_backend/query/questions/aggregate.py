"""`aggregate`: any figures of any groups of calls, log records or events, step by step or not.

It is what people would write SQL for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.aggregated import AGGREGATED, Aggregated
from spanhouse_backend.query.answers import Answer, finite
from spanhouse_backend.query.conditions import condition, subject
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter, both, equals, field
from spanhouse_backend.query.grouping import read_group
from spanhouse_backend.query.parameters import SERVICE, Limited, Windowed, choice, narrowed, plain
from spanhouse_backend.query.percentiles import parse_level
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.records import stored
from spanhouse_backend.query.sources import nearest_rank_of_spans, notes, since_first, step_of
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import CUT, Cut
from spanhouse_backend.query.times import SECOND_NS, Window
from spanhouse_backend.query.vocabulary import RECORDS, SPANS, Field

MAX_FIGURES = 10


def _defaults(parameter: str) -> str:
    return ", ".join(f"of {name} {getattr(of, parameter)!r}" for name, of in AGGREGATED.items())


OF = Parameter(
    "of",
    "What is added up: spans, log records, or events, which are log records with a name.",
    "spans",
    {"type": "string", "enum": list(AGGREGATED)},
)
STREAM = Parameter("stream", "Of events: only those of this stream.")
NAME = Parameter("name", "Of spans: only this function, the name of its spans.")
SELECT = Parameter(
    "select",
    "Which figures, separated by commas: count, errors, and min, max, avg, sum or a percentile (p50, p99.9) of "
    "attr.KEY, resource.KEY or (of spans) duration: 'count,p99(duration),sum(attr.bytes)'. "
    f"Without it, {_defaults('select')}.",
)
GROUP = Parameter(
    "group",
    "What to group by, separated by commas: of spans service, name, kind, status, scope, error.type; of records "
    'service, scope, event, level, severity, body; of all attr.KEY and resource.KEY; "none" is all together. '
    f"Without it, {_defaults('group')}.",
)
FILTER = Parameter(
    "filter",
    "Only those like these: 'status=error duration>50ms attr.user.tier=gold', of records 'level>=warn attr.n>1'.",
)
ORDER = Parameter(
    "order_by",
    'What to order by: a figure of select, a field of group, or "time"; then asc or desc if you want it the other way '
    "round: figures come downwards, all else upwards. By time, if it is cut, else by the first figure.",
)
_FIELD = r'(?:duration|(?:attr|resource)\.(?:"(?:[^"\\]|\\.)*"|[\w.\-/]+))'
_FIGURE = re.compile(rf"\s*(?:(count|errors)|(min|max|avg|sum|p[0-9.]+)\(\s*({_FIELD})\s*\))\s*(,|$)")
# NULL where nothing of the group has a number there.
_FUNCTIONS = {name: f"{name}OrNull({{value}})" for name in ("min", "max", "avg", "sum")}
_PERCENTILE = "quantileExactOrNull({level})({value})"
_COUNT, _DURATION = Fragment("count()"), Fragment("Duration")
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
    """One group, in one step: `group` has its value of each field, '' for a span or record that does not have it.

    `start_unix_ns` is where the step begins, null when the window is not cut. `figures` are by name: those of
    durations in nanoseconds, null where nothing of the group has a number there.
    """

    start_unix_ns: int | None
    group: Mapping[str, str]
    figures: Mapping[str, float | None]


def _of(given: Given) -> Aggregated:
    of = AGGREGATED[choice(OF.name, given[OF], tuple(AGGREGATED))]
    if given[NAME] and of.vocabulary is not SPANS:
        raise InvalidQuestion(NAME.name, "only spans have a name: the name of events is their stream")
    if given[STREAM] and of is not AGGREGATED["events"]:
        raise InvalidQuestion(STREAM.name, "only events are of a stream: ask with of=events")
    return of


def _where(given: Given) -> Filter:
    of = _of(given)
    if of.vocabulary is SPANS:
        return narrowed(given, SPANS, FILTER, NAME, SERVICE)
    where = both(of.where, narrowed(given, RECORDS, FILTER, SERVICE))
    stream = plain(STREAM.name, given[STREAM])
    return both(equals("event", stream, RECORDS), where) if stream else where


def _group(given: Given) -> Mapping[str, Field]:
    of = _of(given)
    return read_group(given, replace(GROUP, default=of.group), of.vocabulary)


def _figures(given: Given) -> tuple[Figure, ...]:
    of = _of(given)
    text, position, more = given[SELECT] or of.select, 0, True
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
        value = field(SELECT.name, match[3], of.vocabulary) if match[3] else None
        name = match[1] or f"{match[2]}({match[3]})"
        figures[name] = Figure(name, match[1] or match[2], value)
        position, more = match.end(), bool(match[4])
    if len(figures) > MAX_FIGURES:
        raise InvalidQuestion(SELECT.name, f"more than {MAX_FIGURES} figures are too many")
    return tuple(figures.values())


def _order(given: Given) -> Order:
    column, _, way = given[ORDER].strip().rpartition(" ")
    if way not in {"asc", "desc"}:
        column, way = given[ORDER].strip(), ""
    figures = [figure.name for figure in _figures(given)]
    columns = [*figures, *_group(given), *(["time"] if given[CUT] else [])]
    column = column.strip()
    if column and column not in columns:
        raise InvalidQuestion(ORDER.name, f"{column[:100]!r} is not in the answer: there are {', '.join(columns)}")
    column = column or ("time" if given[CUT] else figures[0])
    downwards = way == "desc" or (not way and column in figures)
    return Order(column, _DOWNWARDS if downwards else _UPWARDS)


@dataclass(frozen=True, kw_only=True)
class Aggregate(Question[Answer[AggregateRow]], name="aggregate", row=AggregateRow):
    """What do these figures come to, for each group of calls, log records or events, in each step of time?

    It reads the spans or records themselves: whatever they have can be filtered by, grouped by and added up, and all is
    exact.
    """

    of: Annotated[Aggregated, Reads(_of, OF, STREAM)]
    window: Windowed
    where: Annotated[Filter, Reads(_where, SERVICE, NAME, FILTER)]
    select: Annotated[tuple[Figure, ...], Reads(_figures, SELECT)]
    group: Annotated[Mapping[str, Field], Reads(_group, GROUP)]
    cut: Cut
    order: Annotated[Order, Reads(_order, ORDER)]
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[AggregateRow]:
        """One row a group and step that has calls, at most `limit`."""
        window, start = self.window, Fragment("NULL")
        if self.cut:
            steps = self.cut.cut(await self._since_first(engine))
            window, start = steps.window, step_of("Timestamp", steps)
        keys = _columns([subject(one, f"group_{number}") for number, one in enumerate(self.group.values())], "Group")
        figures = _columns([self._figure(one, number) for number, one in enumerate(self.select)], "Figure")
        asked = statement(
            "aggregate.sql",
            {"limit": self.limit},
            table=self.of.table,
            within=self.of.within(window),
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
            notes=await notes(engine, "raw", *window) if self.of.vocabulary is SPANS else (),
            rows=tuple(map(self._row, await engine.rows(asked))),
        )

    async def _since_first(self, engine: Engine) -> Window:
        """The window, but that of everything stored begins when the first of it was."""
        if self.of.vocabulary is SPANS or self.window.from_ns:
            return await since_first(engine, self.window)
        return await stored(engine, self.window) or Window(self.window.to_ns - 1, self.window.to_ns)

    def _ordered(self) -> Fragment:
        """The column that is asked for, then all that tells rows apart: the same question gives the same answer."""
        names = {"time": "Start"}
        names |= {name: f"Group{number}" for number, name in enumerate(self.group)}
        names |= {figure.name: f"Figure{number}" for number, figure in enumerate(self.select)}
        first = f"{names[self.order.column]} {self.order.direction} NULLS LAST"
        return Fragment(", ".join([first, "Start", *(names[name] for name in self.group)]))

    def _figure(self, figure: Figure, number: int) -> Fragment:
        if figure.of is None:
            return self.of.errors if figure.function == "errors" else _COUNT
        value = _value(figure.of, number)
        level = parse_level(figure.function)
        if level is None:
            return Fragment(_FUNCTIONS[figure.function].format(value=value.sql), value.parameters)
        parameters = {**value.parameters, f"level_{number}": nearest_rank_of_spans(level)}
        return Fragment(_PERCENTILE.format(level=f"{{level_{number}:Float64}}", value=value.sql), parameters)

    def _row(self, values: Mapping[str, Any]) -> AggregateRow:
        start = values["Start"]
        return AggregateRow(
            start_unix_ns=None if start is None else start * SECOND_NS,
            group={name: values[f"Group{number}"] for number, name in enumerate(self.group)},
            figures={one.name: finite(values[f"Figure{number}"]) for number, one in enumerate(self.select)},
        )


def _value(of: Field, number: int) -> Fragment:
    """The number that a span or record has there, NULL for none."""
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
