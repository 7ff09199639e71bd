"""`functions`: the table of functions, with their percentiles."""

from dataclasses import dataclass
from typing import Annotated

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Limited, Windowed
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement

DEFAULT_SORT = "total_ns"
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
# Fields that `sort` may name: their short forms leave the unit out ("p99").
SORTS = (
    "service",
    "name",
    "calls",
    "errors",
    "mean_ns",
    "stderr_ns",
    "min_ns",
    "p50_ns",
    "p90_ns",
    "p95_ns",
    "p99_ns",
    "p999_ns",
    "max_ns",
    "total_ns",
    "tail_ratio",
)
SORT = Parameter(
    "sort",
    'The column to sort by: numbers sort downwards, names upwards; "_ns" may be left out.',
    DEFAULT_SORT,
    {"type": "string", "enum": list(SORTS)},
)
# The columns that sort upwards; numbers sort downwards, the most interesting first.
_NAMES = frozenset({"service", "name"})
_UNSORTED = "unsorted"


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function, which is one span name of one service.

    `stderr_ns` is the standard error of the mean, 0 for a single call; `tail_ratio` is p99 / p50, 0 when p50 is 0.
    """

    service: str
    name: str
    calls: int
    errors: int
    mean_ns: float
    stderr_ns: float
    min_ns: int
    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    total_ns: int
    tail_ratio: float
    slowest_trace_id: str


def _sort(given: Given) -> str:
    text = given[SORT]
    for sort in SORTS:
        if text in {sort, sort.removesuffix("_ns")}:
            return sort
    raise InvalidQuestion("sort", f"{text[:100]!r} is not a column: choose one of {', '.join(SORTS)}")


@dataclass(frozen=True, kw_only=True)
class Functions(Question[Answer[FunctionRow]], name="functions", row=FunctionRow):
    """Which functions are slow, how often are they called, how often do they fail?"""

    window: Windowed
    where: Filtered
    exact: Exactly
    sort: Annotated[str, Reads(_sort, SORT)]
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[FunctionRow]:
        """One row a function, over whole minutes unless the spans are read."""
        chosen = choose(self.window, self.where, exact=self.exact)
        upwards = self.sort in _NAMES
        parameters = {
            "upwards": self.sort if upwards else _UNSORTED,
            "downwards": _UNSORTED if upwards else self.sort,
            "limit": self.limit,
        }
        levels = chosen.percentiles(LEVELS)
        if chosen.extremes is None:
            functions = statement("functions_of_spans.sql", calls=chosen.calls, levels=levels)
        else:
            functions = statement(
                "functions_of_rollups.sql", calls=chosen.calls, extremes=chosen.extremes, levels=levels
            )
        asked = statement("functions.sql", parameters, functions=functions, value=chosen.value)
        return Answer(
            source=chosen.source,
            accuracy=chosen.accuracy,
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=await engine.ask(FunctionRow, asked),
        )
