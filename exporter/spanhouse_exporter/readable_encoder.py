"""The SDK's `ReadableSpan`s -> OTLP bytes, several times faster than building protobuf objects.

Where the SDK wraps plain values in layers of accessors they are read directly; a span of another make is read
through its public properties. Unlike the stock encoder, this one sets the W3C bits of `flags` and the trace state
of links, as trace.proto asks.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from spanhouse_exporter import span_bytes, wire
from spanhouse_exporter.attribute_cache import keep
from spanhouse_exporter.caching_encoder import CachingEncoder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_SPAN_ATTRIBUTE, _EVENT_ATTRIBUTE, _LINK_ATTRIBUTE = b"\x4a", b"\x1a", b"\x22"
_INTERNAL, _UNSET = SpanKind.INTERNAL, StatusCode.UNSET
_W3C_FLAGS = 0xFF
_LOW = 0xFFFFFFFFFFFFFFFF
_pack_fixed = Struct("<2s8s8s2s8ssQsQ").pack
_pack_ids = Struct(">QQQ").pack
_pack_flags = Struct("<2sI").pack
_KEPT_LENGTHS = len(wire.LENGTHS)
_NOTHING_DROPPED = (0, 0, 0)
_BOUNDED_LIST: Any = BoundedList
Fields = tuple[Any, ...]
"""context, parent, start, end, name, kind, attributes, events, links, status, dropped counts of one span."""


class ReadableEncoder(CachingEncoder["ReadableSpan"]):
    """Encodes spans of the SDK."""

    def __init__(self) -> None:
        super().__init__((_SPAN_ATTRIBUTE, _EVENT_ATTRIBUTE, _LINK_ATTRIBUTE))
        self._names: dict[tuple[str, SpanKind], bytes] = {}
        self._internal_names: dict[str, bytes] = {}

    def encode(self, span: ReadableSpan) -> bytes:
        """One span, tag included, as `span_bytes` makes them."""
        context, parent, start, end, name, kind, attributes, events, links, status, dropped = _fields(span)
        flags = context.trace_flags & _W3C_FLAGS | span_bytes.FLAG_HAS_REMOTE
        trace_id = context.trace_id
        ids = _pack_ids(trace_id >> 64, trace_id & _LOW, context.span_id)
        parts: list[bytes] = [
            _pack_fixed(b"\x0a\x10", ids[:8], ids[8:16], b"\x12\x08", ids[16:], b"\x39", start or 0, b"\x41", end or 0),
            (kind is _INTERNAL and self._internal_names.get(name)) or self._name(name, kind),
        ]
        if parent is not None:
            parts.append(b"\x22\x08" + parent.span_id.to_bytes(8, "big"))
            if parent.is_remote:
                flags |= span_bytes.FLAG_PARENT_REMOTE
        if context.trace_state:
            parts.append(wire.string(3, context.trace_state.to_header()))
        if attributes:
            self._attributes.append(parts, _SPAN_ATTRIBUTE, attributes)
        if events:
            parts += map(self._event, events)
        if links:
            parts += map(self._link, links)
        if status is not None and status.status_code is not _UNSET:
            parts.append(span_bytes.status(status.status_code.value, status.description or ""))
        if dropped != _NOTHING_DROPPED:
            parts += map(wire.unsigned, (10, 12, 14), dropped)
        parts.append(_pack_flags(b"\x85\x01", flags))
        body = b"".join(parts)
        size = len(body)
        return b"\x12" + (wire.LENGTHS[size] if size < _KEPT_LENGTHS else wire.varint(size)) + body

    def _name(self, name: str, kind: SpanKind) -> bytes:
        encoded = self._names.get((name, kind))
        if encoded is None:
            encoded = wire.string(5, name) + wire.unsigned(6, kind.value + 1)
            keep(self._names, (name, kind), encoded)
            if kind is _INTERNAL:
                keep(self._internal_names, name, encoded)
        return encoded

    def _event(self, event: Any) -> bytes:
        encoded: list[bytes] = []
        self._attributes.append(encoded, _EVENT_ATTRIBUTE, event.attributes or {})
        return span_bytes.event(event.name, event.timestamp, b"".join(encoded), event.dropped_attributes)

    def _link(self, link: Any) -> bytes:
        encoded: list[bytes] = []
        self._attributes.append(encoded, _LINK_ATTRIBUTE, link.attributes or {})
        context: SpanContext = link.context
        flags = context.trace_flags & _W3C_FLAGS | span_bytes.FLAG_HAS_REMOTE
        if context.is_remote:
            flags |= span_bytes.FLAG_PARENT_REMOTE
        return span_bytes.link(
            context.trace_id.to_bytes(16, "big"),
            context.span_id.to_bytes(8, "big"),
            context.trace_state.to_header(),
            flags,
            b"".join(encoded),
            link.dropped_attributes,
        )


def _public_fields(span: Any) -> Fields:
    """The fields as any span with the surface of ReadableSpan shows them."""
    return (
        span.get_span_context(),
        span.parent,
        span.start_time,
        span.end_time,
        span.name,
        span.kind,
        span.attributes,
        span.events,
        span.links,
        span.status,
        (span.dropped_attributes, span.dropped_events, span.dropped_links),
    )


def _fields(span: Any) -> Fields:
    """The fields, read past the SDK's accessors where they are what they are known to be."""
    events: Any
    links: Any
    try:
        attributes: Any = span._attributes  # noqa: SLF001 - these layers are half of the encoder's time
        events, links = span._events, span._links  # noqa: SLF001
        dropped = _NOTHING_DROPPED
        if type(attributes) is BoundedAttributes and _BOUNDED_LIST is type(events) is type(links):
            if attributes.dropped or events.dropped or links.dropped:
                dropped = (attributes.dropped, events.dropped, links.dropped)
            attributes, events, links = attributes._dict, events._dq, links._dq  # noqa: SLF001
        else:
            attributes = span.attributes
            dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)
        return (  # noqa: TRY300 - the try is about what is read here
            span._context,  # noqa: SLF001
            span._parent,  # noqa: SLF001
            span._start_time,  # noqa: SLF001
            span._end_time,  # noqa: SLF001
            span._name,  # noqa: SLF001
            span._kind,  # noqa: SLF001
            attributes,
            events,
            links,
            span._status,  # noqa: SLF001
            dropped,
        )
    except AttributeError:  # another make of span, or a version that has renamed them
        return _public_fields(span)
