"""`callers` and `callees`: a function's neighbours in the graph of calls, as traces recorded it.

Parents and children are known by their ids only, which no index leads to from another function's spans. So an answer
reads the ids of every span of the seconds that the traces were in, once. What it holds in memory is bounded: of a
function with more than MAX_LOOKED_UP calls it looks up every second, third, .. and says so.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.parameters import FILTER, NAME, SERVICE, Limited, Windowed, read_where
from spanhouse_backend.query.question import Question, Reads
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import Window

# The engine holds some 200 bytes for each; percentiles of so many calls are as good as those of all.
MAX_LOOKED_UP = 100_000
LEVELS = (0.5, 0.99)
CALLED = replace(NAME, help="The function: the name of its spans.", required=True)

OfFunction = Annotated[Filter, Reads(read_where, SERVICE, CALLED, FILTER)]


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A function on the other side of calls from one to another, with those calls as the function called recorded them.

    `share` is their time as a share of the time of all calls of the function that was asked about. Callees' shares may
    add up to more than 1 when they ran side by side, or went on after their caller had returned.
    """

    service: str
    name: str
    calls: int
    errors: int
    total_ns: int
    mean_ns: float
    p50_ns: int
    p99_ns: int
    share: float


@dataclass(frozen=True, kw_only=True)
class CallersAnswer(Answer[NeighbourRow]):
    """The callers of a function that was called `calls` times.

    `looked_up` of these calls is what rows are about; `roots` of them were called by nobody, and `orphans` by a span
    that is not stored.
    """

    calls: int
    looked_up: int
    roots: int
    orphans: int


@dataclass(frozen=True, kw_only=True)
class CalleesAnswer(Answer[NeighbourRow]):
    """The callees of a function that was called `calls` times; rows are about what `looked_up` of them called."""

    calls: int
    looked_up: int


@dataclass(frozen=True)
class _Found:
    """What both questions have in common: the calls that were looked up, and their neighbours."""

    calls: int
    looked_up: int
    notes: tuple[str, ...]
    rows: tuple[NeighbourRow, ...]
    without: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Callers(Question[CallersAnswer], name="callers", row=NeighbourRow, answer_type=CallersAnswer):
    """Which functions call this one, and how much of its time is due to each? What takes most comes first."""

    window: Windowed
    where: OfFunction
    limit: Limited

    async def answer(self, engine: Engine) -> CallersAnswer:
        """One row a function that called it."""
        found = await _neighbours(engine, "callers.sql", self.window, self.where, self.limit)
        return CallersAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=found.notes,
            calls=found.calls,
            looked_up=found.looked_up,
            roots=found.without.get("root", 0),
            orphans=found.without.get("orphan", 0),
            rows=found.rows,
        )


@dataclass(frozen=True, kw_only=True)
class Callees(Question[CalleesAnswer], name="callees", row=NeighbourRow, answer_type=CalleesAnswer):
    """Which functions does this one call, and how much of its time goes into each? What takes most comes first.

    A callee is what was recorded as its spans' child, in whatever service it ran.
    """

    window: Windowed
    where: OfFunction
    limit: Limited

    async def answer(self, engine: Engine) -> CalleesAnswer:
        """One row a function that it called."""
        found = await _neighbours(engine, "callees.sql", self.window, self.where, self.limit)
        return CalleesAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=found.notes,
            calls=found.calls,
            looked_up=found.looked_up,
            rows=found.rows,
        )


async def _neighbours(engine: Engine, file: str, window: Window, where: Filter, limit: int) -> _Found:
    bounds = {"from_ns": window.from_ns, "to_ns": window.to_ns, "one_in": 1}
    called = statement("looked_up.sql", bounds, filter=condition(where))
    (size,) = await engine.rows(statement("looked_up_size.sql", called=called))
    calls = looked_up = size["calls"]
    expired = await notes(engine, "raw", *window)
    if not calls:
        return _Found(0, 0, expired, (), {})
    one_in = -(-calls // MAX_LOOKED_UP)
    if one_in > 1:
        called = statement("looked_up.sql", bounds | {"one_in": one_in}, filter=condition(where))
        (size,) = await engine.rows(statement("looked_up_size.sql", called=called))
        looked_up = size["calls"]
        expired += (f"of {calls:,} calls {looked_up:,} were looked up: about every {one_in}th, picked by their ids",)
    (seconds,) = await engine.rows(statement("looked_up_traces.sql", called=called))
    levels = choose(window, where, exact=True).percentiles(LEVELS)
    found = await engine.rows(statement(file, seconds | {"limit": limit}, called=called, levels=levels))
    without = {values["without"]: values["calls"] for values in found if values["without"]}
    rows = [_row(values, size["total_ns"]) for values in found if not values["without"]]
    return _Found(calls, looked_up, expired, tuple(rows[:limit]), without)


def _row(values: dict[str, Any], function_ns: int) -> NeighbourRow:
    calls, total_ns = values["calls"], values["total_ns"]
    p50_ns, p99_ns = values["levels"]
    return NeighbourRow(
        service=values["service"],
        name=values["name"],
        calls=calls,
        errors=values["errors"],
        total_ns=total_ns,
        mean_ns=total_ns / calls,
        p50_ns=p50_ns,
        p99_ns=p99_ns,
        share=total_ns / function_ns if function_ns else 0.0,
    )
