"""What questions about log records share: their parameters, the times they look at, and how one is told from others.

A record has no id of its own in the stock schema: it is told by its time and a hash of all else that it says. Records
that are the same in everything are one to whoever asks for one, and as many as there are to whoever counts.
"""

import re
from typing import Annotated, NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Comparison, Filter, both, compared_level, equals
from spanhouse_backend.query.ids import parse_span_id, parse_trace_id
from spanhouse_backend.query.levels import level_words, parse_level
from spanhouse_backend.query.parameters import SERVICE, SINCE, UNTIL, narrowed, read_window
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.times import LAST_NS, SECOND_NS, Window
from spanhouse_backend.query.vocabulary import RECORDS
from spanhouse_backend.severities import LEVELS

LEVEL = Parameter(
    "level", f"Only records of at least this severity: {', '.join(LEVELS)}, or OpenTelemetry's number from 1 to 24."
)
TEXT = Parameter("text", "Only records with this text somewhere in their body, in upper or lower case.")
TRACE_ID = Parameter(
    "trace_id", "Only records of this trace: 32 hexadecimal digits. Without since and until, whenever it was."
)
SPAN_ID = Parameter("span_id", "Only records of this span: 16 hexadecimal digits.")
FILTER = Parameter("filter", "Only records like these: 'level>=warn scope^=app. attr.user.tier=gold body~\"ti.*out\"'.")
_MAX_TEXT_CHARACTERS = 1024
# What is logged before its trace began, or after it ended: clocks differ, and some is written late.
_AROUND_TRACE_SECONDS = 3600
MAX_HASH = 2**64 - 1
_RECORD_ID = re.compile(r"([0-9a-f]{16})([0-9a-f]{16})")

# The times as the primary key and the partitions have them, in whole seconds, and then exactly.
_WITHIN = """
    TimestampTime >= toDateTime(intDiv({from_ns:Int64}, 1000000000))
    AND TimestampTime <= toDateTime(intDiv({to_ns:Int64} - 1, 1000000000))
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
""".strip()
HASH = Fragment(
    "cityHash64(ServiceName, ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, "
    "ScopeAttributes, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, EventName, Body, LogAttributes)"
)
"""Of all columns but the time's."""


class RecordKey(NamedTuple):
    """What records are ordered by: when, and then a hash, which tells those of one time apart."""

    time_ns: int
    hash: int

    @property
    def id(self) -> str:
        """32 hexadecimal digits, which are in order as the keys are."""
        return f"{self.time_ns:016x}{self.hash:016x}"


def parse_record_id(parameter: str, text: str) -> RecordKey:
    """The key that an id is. Raises InvalidQuestion naming `parameter`."""
    digits = _RECORD_ID.fullmatch(text.strip().lower())
    if not digits:
        raise InvalidQuestion(parameter, f"{text[:100]!r} is not 32 hexadecimal digits")
    return RecordKey(int(digits[1], 16), int(digits[2], 16))


class When(NamedTuple):
    """The window that is asked for; with a `trace_id`, none is, but wherever that trace was."""

    window: Window
    trace_id: str


def _read_when(given: Given) -> When:
    alone = given[TRACE_ID] and not given[SINCE] and not given[UNTIL]
    return When(read_window(given), parse_trace_id(given[TRACE_ID]) if alone else "")


def read_records(given: Given) -> Filter:
    """The filter of `filter`, and of what is asked for beside it. Raises InvalidQuestion."""
    where = narrowed(given, RECORDS, FILTER, SERVICE)
    if text := _text(given[TEXT]):
        where = both(Comparison(RECORDS.fields["body"], "contains", (text,)), where)
    if given[SPAN_ID]:
        where = both(equals("span_id", parse_span_id(given[SPAN_ID]), RECORDS), where)
    if given[TRACE_ID]:
        where = both(equals("trace_id", parse_trace_id(given[TRACE_ID]), RECORDS), where)
    if given[LEVEL]:
        level = parse_level(given[LEVEL])
        if level is None:
            raise InvalidQuestion(LEVEL.name, f"{given[LEVEL][:100]!r} is none of {level_words()}")
        where = both(compared_level(RECORDS.fields["level"], ">=", (level,)), where)
    return where


def _text(text: str) -> str:
    if len(text) > _MAX_TEXT_CHARACTERS:
        raise InvalidQuestion(TEXT.name, f"it is not longer than {_MAX_TEXT_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError:  # the lone surrogates that a command line makes of such bytes
        raise InvalidQuestion(TEXT.name, f"{text!r} is not UTF-8") from None
    return text


Recorded = Annotated[Filter, Reads(read_records, SERVICE, LEVEL, TEXT, TRACE_ID, SPAN_ID, FILTER)]
AtTimes = Annotated[When, Reads(_read_when, SINCE, UNTIL)]


def within(window: Window) -> Fragment:
    """The condition that a record lies in `window`."""
    return Fragment(_WITHIN, {"from_ns": window.from_ns, "to_ns": window.to_ns})


async def looked_at(engine: Engine, when: When) -> Window:
    """Where the records are to be looked for; of a trace that is not stored, everywhere."""
    if not when.trace_id:
        return when.window
    (trace,) = await engine.rows(statement("trace_seconds.sql", {"trace_id": when.trace_id}))
    if not trace["known"]:
        return Window(0, LAST_NS)
    return Window(
        max(0, trace["first"] - _AROUND_TRACE_SECONDS) * SECOND_NS,
        min(LAST_NS, (trace["last"] + _AROUND_TRACE_SECONDS + 1) * SECOND_NS),
    )


async def stored(engine: Engine, window: Window) -> Window | None:
    """The part of `window` from the first second that has a record to the last; None when nothing is stored there."""
    (kept,) = await engine.rows(statement("record_seconds.sql"))
    if not kept["records"]:
        return None
    part = Window(max(window.from_ns, kept["first"] * SECOND_NS), min(window.to_ns, (kept["last"] + 1) * SECOND_NS))
    return part if part.from_ns < part.to_ns else None
