"""`timeline`: how many log records there were, step by step, and how severe."""

from collections import defaultdict
from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.records import AtTimes, Recorded, looked_at, stored, within
from spanhouse_backend.query.sources import step_of
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.steps import Stepped
from spanhouse_backend.query.times import SECOND_NS, Window
from spanhouse_backend.severities import LEVELS, level_of


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One step: its records, and how many of them are of which level; `unspecified` are those without one."""

    start_unix_ns: int
    end_unix_ns: int
    records: int
    trace: int
    debug: int
    info: int
    warn: int
    error: int
    fatal: int
    unspecified: int


@dataclass(frozen=True, kw_only=True)
class TimelineAnswer(Answer[TimelineRow]):
    """The steps in order of time, and how many `records` all of them have together."""

    records: int


@dataclass(frozen=True, kw_only=True)
class Timeline(Question[TimelineAnswer], name="timeline", row=TimelineRow, answer_type=TimelineAnswer):
    """How much was logged, step by step, and how severe was it?

    Every step of the window is there, also those without records. The first may begin before the window, and the last
    end after it, but only records of the window are counted: they are those that `logs` has.
    """

    when: AtTimes
    where: Recorded
    step: Stepped

    async def answer(self, engine: Engine) -> TimelineAnswer:
        """One row a step; none when the window has no beginning, or is a trace's, and nothing is there."""
        window = await self._counted(engine)
        if window is None:
            return TimelineAnswer(source="raw", accuracy="exact", from_ns=0, to_ns=0, records=0, rows=())
        steps = self.step.cut(window)
        found = await engine.rows(
            statement(
                "timeline.sql",
                within=within(window),
                filter=condition(self.where),
                step=step_of("TimestampTime", steps),
            )
        )
        counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for values in found:
            levels = counts[values["step"]]
            level = level_of(values["severity_number"]) or "unspecified"
            levels[level] = levels.get(level, 0) + values["records"]
        rows = tuple(
            _row(start, end, counts.get(start, {}))
            for start, end in zip(steps.starts, (*steps.starts[1:], steps.end), strict=True)
        )
        return TimelineAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            records=sum(row.records for row in rows),
            rows=rows,
        )

    async def _counted(self, engine: Engine) -> Window | None:
        """The window asked for; of a trace, or everything, what there is of it, and None when that is nothing."""
        window = await looked_at(engine, self.when)
        if self.when.trace_id:
            matching = statement("record_extent.sql", within=within(window), filter=condition(self.where))
            (found,) = await engine.rows(matching)
            return Window(found["first"], found["last"] + 1) if found["records"] else None
        return window if window.from_ns else await stored(engine, window)


def _row(start: int, end: int, levels: dict[str, int]) -> TimelineRow:
    return TimelineRow(
        start_unix_ns=start * SECOND_NS,
        end_unix_ns=end * SECOND_NS,
        records=sum(levels.values()),
        **{level: levels.get(level, 0) for level in (*LEVELS, "unspecified")},
    )
