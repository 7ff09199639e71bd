"""One log record as OTLP bytes, joined of parts that whoever makes records keeps, because they repeat.

Each function makes one field of `LogRecord`, or nothing for what is unknown or a default; `joined` makes the record of
them, in any order. What comes out is `ScopeLogs.log_records`, tag included, ready to be joined to its neighbours.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from spanhouse_exporter import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

# opentelemetry.proto.logs.v1: field numbers of LogRecord; ScopeLogs.log_records, which a record is, has number 2.
_TIME_TAG, _OBSERVED_TIME_TAG, _FLAGS_TAG = b"\x09", b"\x59", b"\x45"
_SEVERITY_NUMBER, _SEVERITY_TEXT, _DROPPED_ATTRIBUTES, _EVENT_NAME = 2, 3, 7, 12
_BODY_TAG, _TRACE_ID_TAG, _SPAN_ID_TAG = b"\x2a", b"\x4a\x10", b"\x52\x08"
_W3C_FLAGS = 0xFF
_KEPT_LENGTHS = len(wire.LENGTHS)
_pack_times = Struct("<sQsQ").pack
_pack_context = Struct("<2s16s2s8ssI").pack

ATTRIBUTE = b"\x32"
"""Tag of an attribute."""


def times(time_ns: int, observed_ns: int) -> bytes:
    """When it happened and when it was seen, in nanoseconds since the epoch; 0 is unknown."""
    return _pack_times(_TIME_TAG, time_ns, _OBSERVED_TIME_TAG, observed_ns)


def severity(number: int, text: str) -> bytes:
    """OpenTelemetry's number, 1 to 24, 0 for unspecified; and the word that its source has for it."""
    return wire.unsigned(_SEVERITY_NUMBER, number) + wire.string(_SEVERITY_TEXT, text)


def body(value: object) -> bytes:
    """What is said, of any type."""
    encoded = wire.any_value(value)
    return _BODY_TAG + wire.varint(len(encoded)) + encoded


def dropped_attributes(count: int) -> bytes:
    """How many attributes the limits have refused."""
    return wire.unsigned(_DROPPED_ATTRIBUTES, count)


def trace_id(wire_id: bytes) -> bytes:
    """Of which trace it is: 16 bytes in wire order."""
    return _TRACE_ID_TAG + wire_id


def span_id(wire_id: bytes) -> bytes:
    """In which span it happened: 8 bytes in wire order."""
    return _SPAN_ID_TAG + wire_id


def flags(w3c: int) -> bytes:
    """The trace flags of W3C Trace Context."""
    return _FLAGS_TAG + (w3c & _W3C_FLAGS).to_bytes(4, "little")


def context(trace: bytes, span: bytes, w3c: int) -> bytes:
    """The three above at once."""
    return _pack_context(_TRACE_ID_TAG, trace, _SPAN_ID_TAG, span, _FLAGS_TAG, w3c & _W3C_FLAGS)


def event_name(name: str) -> bytes:
    """Makes it an event of that name."""
    return wire.string(_EVENT_NAME, name)


def joined(fields: Iterable[bytes]) -> bytes:
    """The record of these fields."""
    encoded = b"".join(fields)
    size = len(encoded)
    return b"\x12" + (wire.LENGTHS[size] if size < _KEPT_LENGTHS else wire.varint(size)) + encoded
