"""What has arrived since: the spans of inserts after a certain one, whatever times they carry.

The engine numbers the blocks that it inserts, each newer than all before, and a part's name says which it holds. So
only parts with something new are read, and a row's own number tells whether it is; which merged parts know only while
blocks are numbered (live.py). It is asked again and again, by whoever watches; nothing is kept for them in between.
"""

from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Comparison, each_term
from spanhouse_backend.query.parameters import Filtered
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.spans import RecordedSpan, recorded_spans
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.times import LAST_NS, Window

MAX_AT_ONCE = 200
"""More than anybody reads in half a second; of what arrives beyond that only the number is told."""
_EVER = Window(0, LAST_NS)
# The first line is about parts alone: the others are not opened.
_ARRIVED = """
    toUInt64OrZero(splitByChar('_', _part)[3]) > {after:UInt64}
    AND _block_number > {after:UInt64} AND _block_number <= {newest:UInt64}"""
_BY_ARRIVAL = Fragment("_block_number, Timestamp, SpanId")


@dataclass(frozen=True, kw_only=True)
class ArrivalsAnswer(Answer[RecordedSpan]):
    """Spans in order of arrival, up to that of the block `newest`, and how many more arrived that are `dropped`."""

    newest: int
    dropped: int


@dataclass(frozen=True, kw_only=True)
class Arrivals(Question[ArrivalsAnswer], name="live", row=RecordedSpan, answer_type=ArrivalsAnswer):
    """Which spans arrive? Every span that the filter describes, as it is stored, until the client goes away."""

    where: Filtered
    after: int = 0

    async def answer(self, engine: Engine) -> ArrivalsAnswer:
        """What was inserted after the block `after`."""
        newest = await newest_block(engine)
        rows: tuple[RecordedSpan, ...] = ()
        dropped = 0
        if newest > self.after:
            arrived = Fragment(_ARRIVED, {"after": self.after, "newest": newest})
            rows = await recorded_spans(engine, self.where, _EVER, _BY_ARRIVAL, MAX_AT_ONCE, arrived)
            if len(rows) == MAX_AT_ONCE:
                counted = statement("count_arrived.sql", filter=condition(self.where), arrived=arrived)
                (found,) = await engine.rows(counted)
                dropped = found["spans"] - len(rows)
        return ArrivalsAnswer(
            source="raw",
            accuracy="exact",
            from_ns=_EVER.from_ns,
            to_ns=_EVER.to_ns,
            newest=newest,
            dropped=dropped,
            rows=rows,
        )


@dataclass(frozen=True, kw_only=True)
class Beginning(Arrivals, name="live", row=RecordedSpan, answer_type=ArrivalsAnswer):
    """The newest block there is, to watch from; and whether the filter can be read, before the first span arrives."""

    async def answer(self, engine: Engine) -> ArrivalsAnswer:
        """No rows. Raises BadPattern."""
        for term in each_term(self.where):
            if isinstance(term, Comparison) and term.operator == "~":
                await engine.rows(statement("try_pattern.sql", {"pattern": term.values[0]}))
        newest = await newest_block(engine)
        return ArrivalsAnswer(
            source="raw", accuracy="exact", from_ns=_EVER.from_ns, to_ns=_EVER.to_ns, newest=newest, dropped=0, rows=()
        )


async def newest_block(engine: Engine) -> int:
    """The number of the newest insert; 0 when nothing is stored."""
    (found,) = await engine.rows(statement("newest_block.sql"))
    return int(found["block"])
