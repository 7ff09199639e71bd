"""`logs` and `log`: log records, page by page, and one whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer, NoRow
from spanhouse_backend.query.cursors import CURSOR, cursor_parts, cursor_text, no_cursor, other_order
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.parameters import MAX_OFFSET, Limited, Shifted, choice
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.record_pages import NEWEST, OLDEST, ORDERS, Place, count_records, record_page
from spanhouse_backend.query.records import (
    HASH,
    SPAN_ID,
    TRACE_ID,
    AtTimes,
    Recorded,
    RecordKey,
    looked_at,
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
_RECORD_ID = re.compile(r"([0-9a-f]{16})([0-9a-f]{16})")
_MAX_HASH = 2**64 - 1
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


class Cursor(NamedTuple):
    """Where an answer ended: the question's order, where it looked, and the place of the last record."""

    order: str
    from_ns: int
    to_ns: int
    last_ns: int
    last_hash: int
    last_copy: int

    @property
    def window(self) -> Window:
        """Where it looked."""
        return Window(self.from_ns, self.to_ns)

    @property
    def place(self) -> Place:
        """Where it ended."""
        return Place(RecordKey(self.last_ns, self.last_hash), self.last_copy)


def _order(given: Given) -> str:
    if given[ORDER]:
        return choice(ORDER.name, given[ORDER], ORDERS)
    return OLDEST if given[TRACE_ID] or given[SPAN_ID] else NEWEST


def _cursor(given: Given) -> Cursor | None:
    if not given[CURSOR]:
        return None
    cursor = Cursor(*cursor_parts(given[CURSOR], (str, int, int, int, int, int)))
    inside = 0 <= cursor.from_ns <= cursor.last_ns < cursor.to_ns <= LAST_NS
    if not inside or not 0 <= cursor.last_hash <= _MAX_HASH or not 0 < cursor.last_copy <= MAX_OFFSET:
        raise no_cursor()
    if cursor.order != _order(given):
        raise other_order(cursor.order)
    return cursor


def parse_record_id(parameter: str, text: str) -> RecordKey:
    """The key that an id is. Raises InvalidQuestion naming `parameter`."""
    digits = _RECORD_ID.fullmatch(text.strip().lower())
    if not digits:
        raise InvalidQuestion(parameter, f"{text[:100]!r} is not 32 hexadecimal digits")
    return RecordKey(int(digits[1], 16), int(digits[2], 16))


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
    cursor: Annotated[Cursor | None, Reads(_cursor, CURSOR)]
    offset: Shifted
    limit: Limited

    async def answer(self, engine: Engine) -> LogsAnswer:
        """At most `limit` records, and where the next ones are."""
        window = self.cursor.window if self.cursor else await looked_at(engine, self.when)
        after = self.cursor.place if self.cursor else None
        found = await record_page(
            engine, self.where, window, self.order, self.limit + 1, offset=self.offset, after=after
        )
        kept, rest = found[: self.limit], found[self.limit :]
        following = Cursor(self.order, *window, *_place(kept[-1])) if rest else ""
        rows = tuple(map(_row, kept))
        if self.when.trace_id:
            times = [row.time_unix_ns for row in rows]
            window = Window(min(times, default=0), max(times, default=0))
        return LogsAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            next=cursor_text(following) if following else "",
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


def _place(values: Mapping[str, Any]) -> tuple[int, int, int]:
    return values["time_unix_ns"], values["hash"], values["copy"]


def _row(values: dict[str, Any]) -> LogRow:
    rest = {name: value for name, value in values.items() if name not in {"hash", "copy"}}
    return LogRow(id=RecordKey(values["time_unix_ns"], values["hash"]).id, **rest)
