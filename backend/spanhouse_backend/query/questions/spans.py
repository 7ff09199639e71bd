"""`spans` and `slowest`: the calls themselves, as they were recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.cursors import CURSOR, cursor_parts, cursor_text, no_cursor, other_order
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.parameters import Filtered, Limited, Shifted, Windowed, choice
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.sources import notes
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.times import LAST_NS, Window

ORDERS = ("newest", "oldest")
ORDER = Parameter("order", "Which spans come first.", "newest", {"type": "string", "enum": list(ORDERS)})
# The key that spans are ordered by, compared with that of the last span of the answer before.
_KEY = "(Timestamp, SpanId, TraceId)"
_LAST = "(fromUnixTimestamp64Nano({last_ns:Int64}), {last_span:String}, {last_trace:String})"
# The time alone is what the engine skips days by.
_BEFORE = f"Timestamp <= fromUnixTimestamp64Nano({{last_ns:Int64}}) AND {_KEY} < {_LAST}"
_AFTER = f"Timestamp >= fromUnixTimestamp64Nano({{last_ns:Int64}}) AND {_KEY} > {_LAST}"
_EVERY = Fragment("1")
_BY_TIME = {
    "newest": Fragment("Timestamp DESC, SpanId DESC, TraceId DESC"),
    "oldest": Fragment("Timestamp, SpanId, TraceId"),
}
_BY_DURATION = Fragment("Duration DESC, Timestamp, SpanId, TraceId")


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened during a span."""

    name: str
    time_unix_ns: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A span that caused this one, or has to do with it, in whatever trace it is."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """One span with all that was recorded of it. Ids are lower-case hexadecimal; a root's `parent_span_id` is ""."""

    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: str
    start_unix_ns: int
    duration_ns: int
    status: str
    status_message: str
    scope: str
    scope_version: str
    trace_state: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[EventRow, ...]
    links: tuple[LinkRow, ...]


@dataclass(frozen=True, kw_only=True)
class SpansAnswer(Answer[RecordedSpan]):
    """Spans in the order asked for; `next` is the cursor that the rest begins at, "" at the end."""

    next: str


class Cursor(NamedTuple):
    """Where an answer ended: the question's window and order, and the last span's key."""

    order: str
    from_ns: int
    to_ns: int
    last_ns: int
    last_span: str
    last_trace: str


def _cursor(given: Given) -> Cursor | None:
    if not given[CURSOR]:
        return None
    cursor = Cursor(*cursor_parts(given[CURSOR], (str, int, int, int, str, str)))
    if not all(0 <= time <= LAST_NS for time in (cursor.from_ns, cursor.to_ns, cursor.last_ns)):
        raise no_cursor()
    if cursor.order != _order(given):
        raise other_order(cursor.order)
    return cursor


def _order(given: Given) -> str:
    return choice(ORDER.name, given[ORDER], ORDERS)


@dataclass(frozen=True, kw_only=True)
class Spans(Question[SpansAnswer], name="spans", row=RecordedSpan, answer_type=SpansAnswer):
    """Which calls were these? Every span that the filter describes, in order of time, answer by answer.

    Following `next` gives every span of the window once, in order; a window that is relative ("1h") stays where it was
    when the first answer was given.
    """

    window: Windowed
    where: Filtered
    order: Annotated[str, Reads(_order, ORDER)]
    cursor: Annotated[Cursor | None, Reads(_cursor, CURSOR)]
    offset: Shifted
    limit: Limited

    async def answer(self, engine: Engine) -> SpansAnswer:
        """At most `limit` spans, and where the next ones are."""
        window, after, offset = self.window, _EVERY, self.offset
        if self.cursor:
            offset = 0
            window = Window(self.cursor.from_ns, self.cursor.to_ns)
            last = {name: getattr(self.cursor, name) for name in ("last_ns", "last_span", "last_trace")}
            after = Fragment(_BEFORE if self.order == "newest" else _AFTER, last)
        order = _BY_TIME[self.order]
        rows = await recorded_spans(engine, self.where, window, order, self.limit + 1, after, offset)
        kept = rows[: self.limit]
        more = len(rows) > self.limit
        last_row = kept[-1] if kept else None
        following = (
            cursor_text(Cursor(self.order, *window, last_row.start_unix_ns, last_row.span_id, last_row.trace_id))
            if (more and last_row)
            else ""
        )
        return SpansAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            notes=await notes(engine, "raw", *window),
            next=following,
            rows=kept,
        )


@dataclass(frozen=True, kw_only=True)
class Slowest(Question[Answer[RecordedSpan]], name="slowest", row=RecordedSpan):
    """Which calls took longest, and in which traces are they?"""

    window: Windowed
    where: Filtered
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[RecordedSpan]:
        """The longest spans, the longest first."""
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            notes=await notes(engine, "raw", *self.window),
            rows=await recorded_spans(engine, self.where, self.window, _BY_DURATION, self.limit, _EVERY),
        )


async def recorded_spans(
    engine: Engine, where: Filter, window: Window, order: Fragment, limit: int, after: Fragment, offset: int = 0
) -> tuple[RecordedSpan, ...]:
    """The first `limit` spans of a window, in this order, that match and meet `after`, without the first `offset`."""
    found = await engine.rows(
        statement(
            "spans.sql",
            {"from_ns": window.from_ns, "to_ns": window.to_ns, "limit": limit, "offset": offset},
            filter=condition(where),
            after=after,
            order=order,
        )
    )
    return tuple(_recorded(values) for values in found)


def _recorded(values: dict[str, Any]) -> RecordedSpan:
    events = zip(*(values.pop(f"event_{part}") for part in ("names", "times", "attributes")), strict=True)
    links = zip(*(values.pop(f"link_{part}") for part in ("traces", "spans", "states", "attributes")), strict=True)
    return RecordedSpan(
        **values, events=tuple(EventRow(*event) for event in events), links=tuple(LinkRow(*link) for link in links)
    )
