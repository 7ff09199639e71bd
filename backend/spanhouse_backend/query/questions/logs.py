"""`logs` and `log`: log records, page by page, and one whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from spanhouse_backend.query.answers import Answer, NoRow
from spanhouse_backend.query.cursors import CURSOR
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.parameters import Limited, Shifted, choice
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.record_cursors import RecordCursor, cursor_page, read_cursor
from spanhouse_backend.query.record_pages import NEWEST, OLDEST, ORDERS, count_records
from spanhouse_backend.query.records import (
    HASH,
    SPAN_ID,
    TRACE_ID,
    AtTimes,
    Recorded,
    RecordKey,
    looked_at,
    parse_record_id,
    within,
)
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import LAST_NS, Window

ORDER = Parameter(
    "order",
    f"Which records come first, {NEWEST} or {OLDEST}. Without it the {NEWEST}; of one trace or span, the {OLDEST}.",
    schema={"type": "string", "enum": list(ORDERS)},
)
RECORD_ID = Parameter("record_id", "The record's `id`: 32 hexadecimal digits.", required=True)
# What a time in an id is at most: the engine's times are signed.
_MAX_TIME_NS = 2**63 - 2


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log record. Ids are lower-case hexadecimal; `span_id` is "" for one that was made outside of spans.

    `severity_number` is OpenTelemetry's: 1 to 4 trace, 5 to 8 debug, 9 to 12 info, 13 to 16 warning, 17 to 20 error, 21
    to 24 fatal, 0 not given; `severity` is the sender's own word for it. `event` is the name of an event, "" for other
    records. `id` is what `log` asks for; in order of ids, records are in order of time.
    """

    id: str
    time_unix_ns: int
    severity: str
    severity_number: int
    service: str
    body: str
    event: str
    scope: str
    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WholeLogRow:
    """One log record with all that is stored of it; the rest is as in `logs`.

    `flags` are the trace flags (W3C): 1 is sampled. `resource` is what sent the record, `scope` the logger's name.
    """

    id: str
    time_unix_ns: int
    severity: str
    severity_number: int
    service: str
    body: str
    event: str
    scope: str
    scope_version: str
    scope_schema_url: str
    scope_attributes: Mapping[str, str]
    resource: Mapping[str, str]
    resource_schema_url: str
    trace_id: str
    span_id: str
    flags: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LogsAnswer(Answer[LogRow]):
    """Records in the order asked for; `next` is the cursor that the rest begins at, "" at the end.

    Of a trace without since and until, the window is from the first of these records to the last.
    """

    next: str


@dataclass(frozen=True, kw_only=True)
class CountAnswer(Answer[NoRow]):
    """How many records match."""

    records: int


def _order(given: Given) -> str:
    if given[ORDER]:
        return choice(ORDER.name, given[ORDER], ORDERS)
    return OLDEST if given[TRACE_ID] or given[SPAN_ID] else NEWEST


def _cursor(given: Given) -> RecordCursor | None:
    return read_cursor(given, _order(given))


def _record_key(given: Given) -> RecordKey:
    return parse_record_id(RECORD_ID.name, given[RECORD_ID])


@dataclass(frozen=True, kw_only=True)
class Logs(Question[LogsAnswer], name="logs", row=LogRow, answer_type=LogsAnswer):
    """What was logged, by whom, in which traces? Every record that the filter describes, in order of time.

    Following `next` gives every record of the window once, in order, also those that are the same in everything; a
    window that is relative ("1h") stays where it was when the first answer was given.
    """

    when: AtTimes
    where: Recorded
    order: Annotated[str, Reads(_order, ORDER)]
    cursor: Annotated[RecordCursor | None, Reads(_cursor, CURSOR)]
    offset: Shifted
    limit: Limited

    async def answer(self, engine: Engine) -> LogsAnswer:
        """At most `limit` records, and where the next ones are."""
        window = self.cursor.window if self.cursor else await looked_at(engine, self.when)
        after = self.cursor.place if self.cursor else None
        page = await cursor_page(engine, self.where, window, self.order, self.limit, offset=self.offset, after=after)
        rows = tuple(map(_row, page.records))
        if self.when.trace_id:
            times = [row.time_unix_ns for row in rows]
            window = Window(min(times, default=0), max(times, default=0))
        return LogsAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            next=page.next,
            rows=rows,
        )


@dataclass(frozen=True, kw_only=True)
class CountLogs(Question[CountAnswer], name="logs", row=NoRow, answer_type=CountAnswer):
    """How many records does a question for logs describe, on however many pages?"""

    asked: Logs

    @property
    def where(self) -> Filter:
        """The filter, for whoever explains what is wrong with it."""
        return self.asked.where

    async def answer(self, engine: Engine) -> CountAnswer:
        """The count, without the records."""
        window = await looked_at(engine, self.asked.when)
        return CountAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            records=await count_records(engine, self.where, window),
            rows=(),
        )


@dataclass(frozen=True, kw_only=True)
class Log(Question[Answer[WholeLogRow]], name="log", row=WholeLogRow):
    """What does one log record say, with the resource that sent it and the scope it was logged by?"""

    key: Annotated[RecordKey, Reads(_record_key, RECORD_ID)]

    def missing(self) -> str:
        """That nothing of this id is stored."""
        return f"no log record {self.key.id} is stored"

    async def answer(self, engine: Engine) -> Answer[WholeLogRow]:
        """The record; no rows when there is none."""
        time_ns = self.key.time_ns
        found: list[dict[str, Any]] = []
        if time_ns <= _MAX_TIME_NS:
            asked = {"record_hash": self.key.hash}
            moment = Window(time_ns, time_ns + 1)
            found = await engine.rows(statement("record.sql", asked, within=within(moment), hash=HASH))
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=min(time_ns, LAST_NS),
            to_ns=min(time_ns, LAST_NS),
            rows=tuple(WholeLogRow(id=self.key.id, time_unix_ns=time_ns, **values) for values in found),
        )


def _row(values: dict[str, Any]) -> LogRow:
    rest = {name: value for name, value in values.items() if name not in {"hash", "copy"}}
    return LogRow(id=RecordKey(values["time_unix_ns"], values["hash"]).id, **rest)
