"""The SDK's `ReadableLogRecord`s -> OTLP bytes, several times faster than building protobuf objects.

Unlike the stock encoder, this one leaves out a body that there is not, and takes bodies of any type: what OTLP has no
type for is written as its text, where the other would lose the whole batch.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes

from spanhouse_exporter import wire
from spanhouse_exporter.caching_encoder import LENGTHS, CachingEncoder, keep

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

# opentelemetry.proto.logs.v1: field numbers of LogRecord; ScopeLogs.log_records, which a record is, has number 2.
_TIME_TAG, _OBSERVED_TIME_TAG, _FLAGS_TAG = b"\x09", b"\x59", b"\x45"
_SEVERITY_NUMBER, _SEVERITY_TEXT, _DROPPED_ATTRIBUTES, _EVENT_NAME = 2, 3, 7, 12
_BODY_TAG, _ATTRIBUTE, _TRACE_ID_TAG, _SPAN_ID_TAG = b"\x2a", b"\x32", b"\x4a\x10", b"\x52\x08"
_W3C_FLAGS = 0xFF
_pack_times = Struct("<sQsQ").pack
_pack_flags = Struct("<sI").pack
_KEPT_LENGTHS = len(LENGTHS)


class LogEncoder(CachingEncoder["ReadableLogRecord"]):
    """Encodes log records of the SDK."""

    def __init__(self) -> None:
        super().__init__((_ATTRIBUTE,))
        self._severities: dict[tuple[Any, str | None], bytes] = {}

    def encode(self, item: ReadableLogRecord) -> bytes:
        """One log record, tag included. An unknown time is 0, an unknown id is left out, as logs.proto says."""
        record = item.log_record
        parts = [
            _pack_times(_TIME_TAG, record.timestamp or 0, _OBSERVED_TIME_TAG, record.observed_timestamp or 0),
            self._severity(record.severity_number, record.severity_text),
        ]
        if record.body is not None:
            value = wire.any_value(record.body)
            parts.append(_BODY_TAG + wire.varint(len(value)) + value)
        attributes: Any = record.attributes
        if type(attributes) is BoundedAttributes:
            if attributes.dropped:
                parts.append(wire.unsigned(_DROPPED_ATTRIBUTES, attributes.dropped))
            attributes = attributes._dict  # noqa: SLF001 - its accessors lock for each item
        if attributes:
            self._attributes(parts, _ATTRIBUTE, attributes)
        if record.trace_flags:
            parts.append(_pack_flags(_FLAGS_TAG, record.trace_flags & _W3C_FLAGS))
        if record.trace_id:
            parts.append(_TRACE_ID_TAG + record.trace_id.to_bytes(16, "big"))
        if record.span_id:
            parts.append(_SPAN_ID_TAG + record.span_id.to_bytes(8, "big"))
        if record.event_name:
            parts.append(wire.string(_EVENT_NAME, record.event_name))
        body = b"".join(parts)
        size = len(body)
        return b"\x12" + (LENGTHS[size] if size < _KEPT_LENGTHS else wire.varint(size)) + body

    def _severity(self, number: Any, text: str | None) -> bytes:
        encoded = self._severities.get((number, text))
        if encoded is None:
            encoded = wire.unsigned(_SEVERITY_NUMBER, number.value if number else 0)
            encoded += wire.string(_SEVERITY_TEXT, text or "")
            keep(self._severities, (number, text), encoded)
        return encoded
