"""`compare`: what became slower, faster or more wrong between two windows of time."""

import asyncio
import math
from dataclasses import dataclass, fields
from typing import Annotated, Any

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer, Source
from spanhouse_backend.query.comparison import ALPHA, MIN_EFFECT, Comparison, compare
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import EVERYTHING
from spanhouse_backend.query.inference import Blocks
from spanhouse_backend.query.parameters import RANGE, Filtered, Limited, read_range
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import HOUR_SECONDS, MINUTE_SECONDS, choose, notes, since_first
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.steps import Steps
from spanhouse_backend.query.times import SECOND_NS, Window

BLOCKS = 20
"""Into so many blocks of time each window is cut: 10 to 30 is what batch means want (Schmeiser 1982)."""
MAX_FUNCTIONS = 1000
"""So many functions are compared, those that took most of their window's time."""
# From here on whole hours are read, of which there are sixty times fewer.
_LONG_SECONDS = 48 * HOUR_SECONDS
BASELINE = Parameter("baseline", f"What to compare with: {RANGE}.", "1d..1h")
WITH = Parameter("candidate", f"What is compared: {RANGE}.", "1h")
SIGNIFICANCE = Parameter(
    "alpha",
    "Of the changes that are reported, at most this share are expected to be false alarms.",
    str(ALPHA),
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
)
EFFECT = Parameter(
    "min_effect",
    "A change by less than this share of the baseline is none.",
    str(MIN_EFFECT),
    {"type": "number", "minimum": 0, "maximum": 100},
)
_VERDICTS = ("slower", "faster", "same", "too_little_data")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRow(Comparison):
    """One function, with how often it is called in each window, per second of the window."""

    service: str
    name: str
    baseline_calls_per_second: float
    candidate_calls_per_second: float


@dataclass(frozen=True, kw_only=True)
class CompareAnswer(Answer[CompareRow]):
    """What changed most first; the window is the candidate's. Percentiles are always read off buckets."""

    baseline_from_unix_ns: int
    baseline_to_unix_ns: int


@dataclass(frozen=True)
class _Measured:
    source: Source
    window: Window
    functions: dict[tuple[str, str], Blocks]


def _baseline(given: Given) -> Window:
    return read_range(given, BASELINE)


def _candidate(given: Given) -> Window:
    window, other = read_range(given, WITH), read_range(given, BASELINE)
    if window.from_ns < other.to_ns and other.from_ns < window.to_ns:
        raise InvalidQuestion("candidate", "it overlaps with the baseline, and would be compared with itself")
    return window


def _share(given: Given, parameter: Parameter, least: float, most: float) -> float:
    try:
        value = float(given[parameter])
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        text = given[parameter][:100]
        raise InvalidQuestion(parameter.name, f"{text!r} is not a number from {least:g} to {most:g}")
    return value


def _alpha(given: Given) -> float:
    return _share(given, SIGNIFICANCE, 1e-9, 0.5)


def _effect(given: Given) -> float:
    return _share(given, EFFECT, 0.0, 100.0)


@dataclass(frozen=True, kw_only=True)
class Compare(Question[CompareAnswer], name="compare", row=CompareRow, answer_type=CompareAnswer):
    """Which functions became slower, faster or more wrong, by how much, and how sure is that?"""

    baseline: Annotated[Window, Reads(_baseline, BASELINE)]
    candidate: Annotated[Window, Reads(_candidate, WITH)]
    where: Filtered
    alpha: Annotated[float, Reads(_alpha, SIGNIFICANCE)]
    effect: Annotated[float, Reads(_effect, EFFECT)]
    limit: Limited

    async def answer(self, engine: Engine) -> CompareAnswer:
        """One row a function that was called in both windows; all of them are tested, whatever the limit."""
        before = await self._measured(engine, self.baseline)
        after = await self._measured(engine, self.candidate)
        both = [key for key in after.functions if key in before.functions]
        pairs = [(before.functions[key], after.functions[key]) for key in both]
        # A thousand functions take a second or two: not on the event loop.
        found = await asyncio.to_thread(compare, pairs, self.alpha, self.effect)
        rows = [_row(key, one, before.window, after.window) for key, one in zip(both, found, strict=True)]
        rows.sort(key=_interest)
        return CompareAnswer(
            source=after.source,
            accuracy="bucketed",
            from_ns=after.window.from_ns,
            to_ns=after.window.to_ns,
            notes=(
                *await notes(engine, before.source, *before.window),
                *_left_out("baseline", before, after),
                *_left_out("candidate", after, before),
            ),
            rows=tuple(rows[: self.limit]),
            baseline_from_unix_ns=before.window.from_ns,
            baseline_to_unix_ns=before.window.to_ns,
        )

    async def _measured(self, engine: Engine, window: Window) -> _Measured:
        steps = cut(await self._since_first_call(engine, window))
        chosen = choose(steps.window, self.where, steps=steps)
        asked = statement("compare.sql", {"functions": MAX_FUNCTIONS + 1}, calls=chosen.calls, index=chosen.index)
        functions = {(row["service"], row["name"]): _blocks(row) for row in await engine.rows(asked)}
        return _Measured(chosen.source, steps.window, functions)

    async def _since_first_call(self, engine: Engine, window: Window) -> Window:
        """The window from when the first call of those that are compared was: before it are blocks without calls."""
        stored = await since_first(engine, Window(0, window.to_ns))
        window = Window(max(window.from_ns, stored.from_ns), window.to_ns)
        if self.where == EVERYTHING:
            return window
        (row,) = await engine.rows(statement("first_call.sql", calls=choose(window, self.where).calls))
        return Window(max(window.from_ns, row["first_ns"] or 0), window.to_ns)


def cut(window: Window) -> Steps:
    """The blocks of a window: some BLOCKS of whole minutes, of hours when it is long, of seconds when it is short.

    They never reach out of the window by more than a second, so that no call of two windows side by side is in both: up
    to a minute or an hour at either end of it is left out instead.
    """
    seconds = (window.to_ns - window.from_ns) / SECOND_NS
    unit = HOUR_SECONDS if seconds >= _LONG_SECONDS else MINUTE_SECONDS if seconds >= BLOCKS * MINUTE_SECONDS else 1
    begin, end = -(-window.from_ns // (unit * SECOND_NS)) * unit, window.to_ns // (unit * SECOND_NS) * unit
    end = max(end, begin + 1)
    length = -(-(end - begin) // (BLOCKS * unit)) * unit
    return Steps(tuple(range(begin, end, length)), end)


def _blocks(row: dict[str, Any]) -> Blocks:
    histograms = zip(row["buckets"], row["counts"], strict=True)
    return Blocks(tuple(dict(zip(*block, strict=True)) for block in histograms), tuple(row["errors"]))


_COMPARISON_FIELDS = tuple(field.name for field in fields(Comparison))


def _row(key: tuple[str, str], found: Comparison, baseline: Window, candidate: Window) -> CompareRow:
    seconds = [(window.to_ns - window.from_ns) / SECOND_NS for window in (baseline, candidate)]
    return CompareRow(
        **{name: getattr(found, name) for name in _COMPARISON_FIELDS},
        service=key[0],
        name=key[1],
        baseline_calls_per_second=found.baseline_calls / seconds[0],
        candidate_calls_per_second=found.candidate_calls / seconds[1],
    )


def _interest(row: CompareRow) -> tuple[int, int, float, str, str]:
    """Slower first, then more wrong, then faster; within these by how much."""
    largest = max((abs(math.log(shift.ratio)) for shift in row.percentiles), default=0.0)
    return _VERDICTS.index(row.verdict), row.errors != "more", -largest, row.service, row.name


def _left_out(which: str, here: _Measured, there: _Measured) -> tuple[str, ...]:
    if len(here.functions) > MAX_FUNCTIONS:
        return (f"only the {MAX_FUNCTIONS} functions that took most of the {which} are compared",)
    missing = len(here.functions.keys() - there.functions.keys())
    return (f"{missing} functions were called in the {which} only, and are not compared",) if missing else ()
