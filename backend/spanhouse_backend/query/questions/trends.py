"""`trends`: how each of many functions went over time, in one answer: what a table draws small lines of."""

from dataclasses import dataclass
from typing import Annotated, Any

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Limited, Windowed
from spanhouse_backend.query.percentiles import groups_of, parse_level
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import choose, notes, since_first
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import Stepped
from spanhouse_backend.query.times import SECOND_NS

LEVEL = Parameter("level", 'Which percentile: a number between 0 and 1, or its name: "0.99" or "p99".', "p99")
# A function is a span name of a service; Group0 is the step.
_FUNCTION_AND_STEP = Fragment("ServiceName, SpanName, Group0")


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One function. Each list has an element for each step; the percentile is null where there were no calls."""

    service: str
    name: str
    calls: tuple[int, ...]
    errors: tuple[int, ...]
    percentile_ns: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class TrendsAnswer(Answer[TrendRow]):
    """The functions that took the most time first; steps begin at `starts_unix_ns`, and the last ends at `to`."""

    starts_unix_ns: tuple[int, ...]


def _level(given: Given) -> float:
    level = parse_level(given[LEVEL])
    if level is None:
        raise InvalidQuestion("level", f"{given[LEVEL][:100]!r} is not a percentile: write 0.99 or p99")
    return level


@dataclass(frozen=True, kw_only=True)
class Trends(Question[TrendsAnswer], name="trends", row=TrendRow, answer_type=TrendsAnswer):
    """How often was each function called, how often did it fail, how long did it take, step by step?

    `series` says more of all calls together; this says of many functions what fits into a line of a table.
    """

    window: Windowed
    where: Filtered
    exact: Exactly
    step: Stepped
    level: Annotated[float, Reads(_level, LEVEL)]
    limit: Limited

    async def answer(self, engine: Engine) -> TrendsAnswer:
        """One row a function."""
        steps = self.step.cut(await since_first(engine, self.window))
        chosen = choose(steps.window, self.where, exact=self.exact, steps=steps)
        groups = groups_of(chosen, _FUNCTION_AND_STEP, (self.level,))
        asked = statement("trends.sql", {"limit": self.limit}, groups=groups, value=chosen.value)
        return TrendsAnswer(
            source=chosen.source,
            accuracy=chosen.accuracy,
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            starts_unix_ns=tuple(start * SECOND_NS for start in steps.starts),
            rows=tuple(_row(values, steps.starts) for values in await engine.rows(asked)),
        )


def _row(values: dict[str, Any], starts: tuple[int, ...]) -> TrendRow:
    """With the steps that were without calls."""
    found = {start: rest for start, *rest in values["steps"]}
    calls, errors, percentile = zip(*(found.get(start, (0, 0, None)) for start in starts), strict=True)
    return TrendRow(values["service"], values["name"], calls, errors, percentile)
