"""`streams`, `events` and `event_schema`: what happened, stream by stream, as it was put.

An event is a log record with a name, its stream; its payload is read back with types and nesting (payloads.py).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.cursors import CURSOR
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.event_fields import EVENT_FILTER, STREAM, EventsFiltered, read_events
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.json_schema import DIALECT, Shape
from spanhouse_backend.query.parameters import SERVICE, Limited, Windowed, choice, whole_number
from spanhouse_backend.query.payloads import ID, MAX_CHARACTERS, TIME, payload
from spanhouse_backend.query.question import Given, Parameter, Question, Reads
from spanhouse_backend.query.record_cursors import RecordCursor, cursor_page, fitting, read_cursor
from spanhouse_backend.query.record_pages import NEWEST, OLDEST, ORDERS, Place, record_page
from spanhouse_backend.query.records import RecordKey, parse_record_id, within
from spanhouse_backend.query.statements import statement
from spanhouse_backend.query.times import Window, iso_time

MAX_INFERRED = 10_000
ORDER = Parameter("order", "Which events come first.", OLDEST, {"type": "string", "enum": list(ORDERS)})
AFTER_ID = Parameter(
    "after_id",
    "Goes on after this event: its `@id`. For programs that keep where they are; between the answers of one question, "
    "cursor also tells events apart that are the same in everything.",
)
INFERRED = Parameter(
    "events",
    "Infer it from so many events, the newest.",
    "1000",
    {"type": "integer", "minimum": 1, "maximum": MAX_INFERRED},
)
_HASH_BITS = 64
_CUT = f"these are as many events as fit into {MAX_CHARACTERS >> 20} MiB: `next` is where the others begin"


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream: how many events of which services, and when the first and the last of them happened."""

    name: str
    count: int
    first_unix_ns: int
    last_unix_ns: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamEventRow:
    """One event of a stream. Ids are lower-case hexadecimal; in order of `id`, events are in order of time.

    `event` is its payload as it was put, with `@id` and `@time`, its `id` and when it happened in ISO 8601: it can be
    put again as it is. Of senders whose events have a text for a body, that is its `@body`.
    """

    id: str
    time_unix_ns: int
    service: str
    trace_id: str
    span_id: str
    event: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventsAnswer(Answer[StreamEventRow]):
    """Events in the order asked for; `next` is the cursor that the rest begins at, "" at the end."""

    next: str


@dataclass(frozen=True, slots=True)
class EventPartRow:
    """What was seen at one place of the payloads: keys with dots between them, and [] for the items of a list.

    `types` are JSON Schema's. It is `required` when every object at its place has it.
    """

    path: str
    types: tuple[str, ...]
    values: int
    required: bool


@dataclass(frozen=True, kw_only=True)
class EventSchemaAnswer(Answer[EventPartRow]):
    """The JSON Schema (draft 2020-12) of payloads, inferred from so many `events`; its parts are the rows."""

    json_schema: Mapping[str, Any]
    events: int


def _stream(given: Given) -> str:
    return given[STREAM]


def _order(given: Given) -> str:
    return choice(ORDER.name, given[ORDER], ORDERS)


def _cursor(given: Given) -> RecordCursor | None:
    return read_cursor(given, _order(given))


def _after(given: Given) -> RecordKey | None:
    return parse_record_id(AFTER_ID.name, given[AFTER_ID]) if given[AFTER_ID] else None


def _inferred(given: Given) -> int:
    return whole_number(INFERRED.name, given[INFERRED], 1, MAX_INFERRED)


@dataclass(frozen=True, kw_only=True)
class Streams(Question[Answer[StreamRow]], name="streams", row=StreamRow):
    """Which streams of events are there, with how many events, of whom?"""

    window: Windowed
    where: Annotated[Filter, Reads(read_events, SERVICE, EVENT_FILTER)]
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[StreamRow]:
        """One row a stream, those with the most events first."""
        asked = statement(
            "streams.sql", {"limit": self.limit}, within=within(self.window), filter=condition(self.where)
        )
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            rows=tuple(
                StreamRow(services=tuple(values.pop("services")), **values) for values in await engine.rows(asked)
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Events(Question[EventsAnswer], name="events", row=StreamEventRow, answer_type=EventsAnswer):
    """What happened, event by event, as it was put?

    Following `next` gives every event of the window once, in order; a window that is relative ("1h") stays where it was
    when the first answer was given.
    """

    window: Windowed
    where: EventsFiltered
    order: Annotated[str, Reads(_order, ORDER)]
    after: Annotated[RecordKey | None, Reads(_after, AFTER_ID)]
    cursor: Annotated[RecordCursor | None, Reads(_cursor, CURSOR)]
    limit: Limited

    async def answer(self, engine: Engine) -> EventsAnswer:
        """At most `limit` events, and where the next ones are."""
        window = self.cursor.window if self.cursor else self.window
        part, after = (window, self.cursor.place) if self.cursor else self._beyond_id()
        page = await cursor_page(
            engine, self.where, part, self.order, self.limit, after=after, most_characters=MAX_CHARACTERS
        )
        return EventsAnswer(
            source="raw",
            accuracy="exact",
            from_ns=window.from_ns,
            to_ns=window.to_ns,
            notes=(_CUT,) if page.next and len(page.records) < self.limit else (),
            next=page.next,
            # Ten thousand payloads take a while to read, and others wait for the event loop.
            rows=await asyncio.to_thread(lambda: tuple(map(_event, page.records))),
        )

    def _beyond_id(self) -> tuple[Window, Place | None]:
        """What of the window is to be looked at, and the place in it that `after_id` names: just beyond its key."""
        if self.after is None:
            return self.window, None
        forwards = self.order == OLDEST
        number = (self.after.time_ns << _HASH_BITS) + self.after.hash + (1 if forwards else -1)
        key = RecordKey(number >> _HASH_BITS, number % 2**_HASH_BITS)
        if self.window.from_ns <= key.time_ns < self.window.to_ns:
            return self.window, Place(key, 0)
        whole = (key.time_ns < self.window.from_ns) == forwards
        return (self.window if whole else Window(self.window.to_ns, self.window.to_ns)), None


@dataclass(frozen=True, kw_only=True)
class EventSchema(Question[EventSchemaAnswer], name="event_schema", row=EventPartRow, answer_type=EventSchemaAnswer):
    """What do the events of a stream look like? A JSON Schema that the newest of them are valid by."""

    window: Windowed
    where: EventsFiltered
    stream: Annotated[str, Reads(_stream)]
    inferred: Annotated[int, Reads(_inferred, INFERRED)]

    async def answer(self, engine: Engine) -> EventSchemaAnswer:
        """One row a place in the payloads."""
        found = await record_page(engine, self.where, self.window, NEWEST, self.inferred)
        found = found[: fitting(found, MAX_CHARACTERS)]
        shape = await asyncio.to_thread(_shape, found)
        described = {
            "$schema": DIALECT,
            "title": self.stream,
            "description": f"Inferred from {len(found)} events.",
            **({"type": "object"} | shape.schema()),
        }
        return EventSchemaAnswer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            json_schema=described,
            events=len(found),
            rows=tuple(EventPartRow(*part) for part in shape.parts()),
        )


def _shape(found: list[dict[str, Any]]) -> Shape:
    shape = Shape()
    for values in reversed(found):  # so that parts are in the order in which they came up
        shape.add(payload(values["body"], values["attributes"]))
    return shape


def _event(values: Mapping[str, Any]) -> StreamEventRow:
    record_id = RecordKey(values["time_unix_ns"], values["hash"]).id
    event = {ID: record_id, TIME: iso_time(values["time_unix_ns"])} | payload(values["body"], values["attributes"])
    kept = {name: values[name] for name in ("time_unix_ns", "service", "trace_id", "span_id")}
    return StreamEventRow(id=record_id, event=event, **kept)
