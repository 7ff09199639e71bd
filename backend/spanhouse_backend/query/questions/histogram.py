"""`histogram`: how durations are distributed."""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.bands import Scaled, bounds_ns, shift
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Exactly, Filtered, Windowed
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.sources import choose, notes
from spanhouse_backend.query.statements import statement


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """The calls that took longer than `over_ns`, but no longer than `to_ns`.

    `share` is how many of all calls took no longer than that, from 0 to 1.
    """

    over_ns: int
    to_ns: int
    calls: int
    errors: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Histogram(Question[Answer[HistogramRow]], name="histogram", row=HistogramRow):
    """How are durations distributed? Bands are log-scaled; only those with calls are there."""

    window: Windowed
    where: Filtered
    exact: Exactly
    scale: Scaled

    async def answer(self, engine: Engine) -> Answer[HistogramRow]:
        """One row a band, the shortest first. Counts are exact from every source."""
        chosen = choose(self.window, self.where, exact=self.exact)
        parameters = {"shift": shift(self.scale)}
        found = await engine.rows(statement("heatmap.sql", parameters, calls=chosen.calls, index=chosen.index))
        total, so_far, rows = sum(band["calls"] for band in found), 0, []
        for band in found:
            so_far += band["calls"]
            over_ns, to_ns = bounds_ns(band["band"], self.scale)
            rows.append(HistogramRow(over_ns, to_ns, band["calls"], band["errors"], so_far / total))
        return Answer(
            source=chosen.source,
            accuracy="exact",
            from_ns=chosen.from_ns,
            to_ns=chosen.to_ns,
            notes=await notes(engine, chosen.source, chosen.from_ns, chosen.to_ns),
            rows=tuple(rows),
        )
