"""`heatmap`: how durations were distributed over time."""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.bands import Scaled, bounds_ns, shift
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Windowed
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.sources import choose, notes, since_first
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.steps import Stepped
from spanhouse_backend.query.times import SECOND_NS


@dataclass(frozen=True, slots=True)
class HeatmapRow:
    """One cell: the calls that began in the step and took longer than `over_ns`, but no longer than `to_ns`."""

    start_unix_ns: int
    over_ns: int
    to_ns: int
    calls: int
    errors: int


@dataclass(frozen=True, kw_only=True)
class Heatmap(Question[Answer[HeatmapRow]], name="heatmap", row=HeatmapRow):
    """How were durations distributed, step by step? Bands are log-scaled; only cells with calls are there."""

    window: Windowed
    where: Filtered
    exact: Exactly
    step: Stepped
    scale: Scaled

    async def answer(self, engine: Engine) -> Answer[HeatmapRow]:
        """One row a cell, in order of time, then of duration. Counts are exact from every source."""
        steps = self.step.cut(await since_first(engine, self.window))
        chosen = choose(steps.window, self.where, exact=self.exact, steps=steps)
        parameters = {"shift": shift(self.scale)}
        found = await engine.rows(statement("heatmap.sql", parameters, calls=chosen.calls, index=chosen.index))
        return Answer(
            source=chosen.source,
            accuracy="exact",
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=tuple(
                HeatmapRow(
                    cell["step"] * SECOND_NS, *bounds_ns(cell["band"], self.scale), cell["calls"], cell["errors"]
                )
                for cell in found
            ),
        )
