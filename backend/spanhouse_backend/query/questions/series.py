"""`series`: how calls went over time."""

from collections.abc import Mapping
from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Windowed
from spanhouse_backend.query.percentiles import Levelled, grouped, level_name
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.sources import choose, notes, since_first
from spanhouse_backend.query.steps import MAX_STEPS, Stepped
from spanhouse_backend.query.times import SECOND_NS


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One step. `mean_ns` and the percentiles are null when nothing was called in it."""

    start_unix_ns: int
    end_unix_ns: int
    calls: int
    errors: int
    total_ns: int
    mean_ns: float | None
    percentiles_ns: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Series(Question[Answer[SeriesRow]], name="series", row=SeriesRow):
    """How often were functions called, how often did they fail, how long did they take, step by step?

    Every step of the window is there, also those without calls.
    """

    window: Windowed
    where: Filtered
    exact: Exactly
    step: Stepped
    levels: Levelled

    async def answer(self, engine: Engine) -> Answer[SeriesRow]:
        """One row a step, in order of time; none when nothing is stored at all."""
        steps = self.step.cut(await since_first(engine, self.window))
        chosen = choose(steps.window, self.where, exact=self.exact, steps=steps)
        found = {values.pop("keys")[0]: values for values in await grouped(engine, chosen, self.levels, MAX_STEPS)}
        nothing = {
            "calls": 0,
            "errors": 0,
            "total_ns": 0,
            "mean_ns": None,
            "percentiles_ns": dict.fromkeys(map(level_name, self.levels)),
        }
        rows = (
            SeriesRow(start_unix_ns=start * SECOND_NS, end_unix_ns=end * SECOND_NS, **found.get(start, nothing))
            for start, end in zip(steps.starts, (*steps.starts[1:], steps.end), strict=True)
        )
        return Answer(
            source=chosen.source,
            accuracy=chosen.accuracy,
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=tuple(rows),
        )
