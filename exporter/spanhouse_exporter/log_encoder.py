"""The SDK's `ReadableLogRecord`s -> OTLP bytes, several times faster than building protobuf objects.

Unlike the stock encoder, this one leaves out a body that there is not, and takes bodies of any type: what OTLP has no
type for is written as its text, where the other would lose the whole batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes

from spanhouse_exporter import record_bytes
from spanhouse_exporter.attribute_cache import keep
from spanhouse_exporter.caching_encoder import CachingEncoder

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord


class LogEncoder(CachingEncoder["ReadableLogRecord"]):
    """Encodes log records of the SDK."""

    def __init__(self) -> None:
        super().__init__((record_bytes.ATTRIBUTE,))
        self._severities: dict[tuple[Any, str | None], bytes] = {}

    def encode(self, item: ReadableLogRecord) -> bytes:
        """One log record, tag included. An unknown time is 0, an unknown id is left out, as logs.proto says."""
        record = item.log_record
        parts = [
            record_bytes.times(record.timestamp or 0, record.observed_timestamp or 0),
            self._severity(record.severity_number, record.severity_text),
        ]
        if record.body is not None:
            parts.append(record_bytes.body(record.body))
        attributes: Any = record.attributes
        if type(attributes) is BoundedAttributes:
            if attributes.dropped:
                parts.append(record_bytes.dropped_attributes(attributes.dropped))
            attributes = attributes._dict  # noqa: SLF001 - its accessors lock for each item
        if attributes:
            self._attributes.append(parts, record_bytes.ATTRIBUTE, attributes)
        if record.trace_flags:
            parts.append(record_bytes.flags(record.trace_flags))
        if record.trace_id:
            parts.append(record_bytes.trace_id(record.trace_id.to_bytes(16, "big")))
        if record.span_id:
            parts.append(record_bytes.span_id(record.span_id.to_bytes(8, "big")))
        if record.event_name:
            parts.append(record_bytes.event_name(record.event_name))
        return record_bytes.joined(parts)

    def _severity(self, number: Any, text: str | None) -> bytes:
        encoded = self._severities.get((number, text))
        if encoded is None:
            encoded = record_bytes.severity(number.value if number else 0, text or "")
            keep(self._severities, (number, text), encoded)
        return encoded
