"""The SDK's `ReadableSpan`s -> OTLP bytes, several times faster than building protobuf objects.

Resources, scopes and attribute keys repeat from span to span, so their bytes are kept. Where the SDK wraps a plain
dictionary in layers of accessors, the dictionary is read directly; a span of another make is read through its
public properties. Unlike the stock encoder, this one sets the W3C bits of `flags` and the trace state of links,
as trace.proto asks.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes

from spanhouse_exporter import envelope, span_bytes, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

_MOST_KEPT = 4096
_SPAN_ATTRIBUTE, _EVENT_ATTRIBUTE, _LINK_ATTRIBUTE = b"\x4a", b"\x1a", b"\x22"
_KINDS = {0: b"\x30\x01", 1: b"\x30\x02", 2: b"\x30\x03", 3: b"\x30\x04", 4: b"\x30\x05"}
_W3C_FLAGS = 0xFF
_SMALL = 120
_pack_ids = Struct(">2sQQ2sQ").pack
_pack_parent = Struct(">2sQ").pack
_pack_times = Struct("<sQsQ").pack
_pack_flags = Struct("<2sI").pack
_LOW = 0xFFFFFFFFFFFFFFFF


class ReadableEncoder:
    """Encodes spans of the SDK; keeps bytes of what repeats.

    Concurrency: the caches are plain dictionaries whose entries are made equal by whoever comes first; an encoder
    may be used from several threads.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._names: dict[str, bytes] = {}
        # By identity, with the object kept alive: hashing a Resource serialises it to JSON.
        self._resources: dict[int, tuple[Any, bytes]] = {}
        self._scopes: dict[int, tuple[Any, bytes]] = {}

    def request(self, spans: Iterable[ReadableSpan]) -> bytes:
        """One ExportTraceServiceRequest (one ResourceSpans for each resource, one ScopeSpans for each scope)."""
        grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
        for span in spans:
            scopes = grouped.setdefault(self.resource(span.resource), {})
            scopes.setdefault(self.scope(span.instrumentation_scope), []).append(self.span(span))
        return b"".join([envelope.request(resource, list(scopes.items())) for resource, scopes in grouped.items()])

    def resource(self, resource: Any) -> bytes:
        """`envelope.resource_fields` of an SDK Resource."""
        found = self._resources.get(id(resource))
        if found is None:
            found = (resource, envelope.resource_fields(dict(resource.attributes), resource.schema_url or ""))
            _keep(self._resources, id(resource), found)
        return found[1]

    def scope(self, scope: Any) -> bytes:
        """`envelope.scope_fields` of an SDK InstrumentationScope; None is the empty scope."""
        found = self._scopes.get(id(scope))
        if found is None:
            encoded = envelope.scope_fields("")
            if scope is not None:
                attributes = dict(scope.attributes or {})
                encoded = envelope.scope_fields(scope.name, scope.version or "", attributes, scope.schema_url or "")
            found = (scope, encoded)
            _keep(self._scopes, id(scope), found)
        return found[1]

    def span(self, span: ReadableSpan) -> bytes:
        """One span, tag included, as `span_bytes` makes them."""
        context: Any = span.get_span_context()
        parent = span.parent
        name = self._names.get(span.name)
        if name is None:
            name = wire.string(5, span.name)
            _keep(self._names, span.name, name)
        trace_id: int = context.trace_id
        flags = context.trace_flags & _W3C_FLAGS | span_bytes.FLAG_HAS_REMOTE
        parts = [
            _pack_ids(b"\x0a\x10", trace_id >> 64, trace_id & _LOW, b"\x12\x08", context.span_id),
            _pack_times(b"\x39", span.start_time or 0, b"\x41", span.end_time or 0),
            name,
            _KINDS[span.kind.value],
        ]
        if parent is not None:
            parts.append(_pack_parent(b"\x22\x08", parent.span_id))
            if parent.is_remote:
                flags |= span_bytes.FLAG_PARENT_REMOTE
        if context.trace_state:
            parts.append(wire.string(3, context.trace_state.to_header()))
        attributes = _plain(span)
        if attributes:
            self._attributes(parts, _SPAN_ATTRIBUTE, attributes)
        if getattr(span, "_events", True):
            self._events(parts, span)
        if getattr(span, "_links", True):
            self._links(parts, span)
        status: Any = span.status
        if status is not None and status.status_code.value:
            parts.append(span_bytes.status(status.status_code.value, status.description or ""))
        dropped = (span.dropped_attributes, span.dropped_events, span.dropped_links)
        if any(dropped):
            parts += [wire.unsigned(number, count) for number, count in zip((10, 12, 14), dropped, strict=True)]
        parts.append(_pack_flags(b"\x85\x01", flags))
        body = b"".join(parts)
        return b"\x12" + wire.varint(len(body)) + body

    def _attributes(self, parts: list[bytes], tag: bytes, attributes: Mapping[str, Any]) -> None:
        keys = self._keys
        for key, value in attributes.items():
            encoded_key = keys.get(key)
            if encoded_key is None:
                encoded_key = wire.string(1, key)
                _keep(keys, key, encoded_key)
            body = wire.any_value(value)
            size = len(body)
            pair = len(encoded_key) + size
            if pair < _SMALL:  # both lengths fit one byte each: most attributes there are
                parts.append(b"%b%c%b\x12%c%b" % (tag, pair + 2, encoded_key, size, body))
            else:
                body = wire.varint(size) + body
                parts.append(tag + wire.varint(len(encoded_key) + 1 + len(body)) + encoded_key + b"\x12" + body)

    def _events(self, parts: list[bytes], span: ReadableSpan) -> None:
        for event in span.events:
            encoded: list[bytes] = []
            self._attributes(encoded, _EVENT_ATTRIBUTE, event.attributes or {})
            parts.append(span_bytes.event(event.name, event.timestamp, b"".join(encoded), event.dropped_attributes))

    def _links(self, parts: list[bytes], span: ReadableSpan) -> None:
        for link in span.links:
            encoded: list[bytes] = []
            self._attributes(encoded, _LINK_ATTRIBUTE, link.attributes or {})
            parts.append(_link(link.context, b"".join(encoded), link.dropped_attributes))


def _link(context: SpanContext, attributes: bytes, dropped: int) -> bytes:
    flags = context.trace_flags & _W3C_FLAGS | span_bytes.FLAG_HAS_REMOTE
    if context.is_remote:
        flags |= span_bytes.FLAG_PARENT_REMOTE
    return span_bytes.link(
        context.trace_id.to_bytes(16, "big"),
        context.span_id.to_bytes(8, "big"),
        context.trace_state.to_header(),
        flags,
        attributes,
        dropped,
    )


def _plain(span: ReadableSpan) -> Mapping[str, Any]:
    """The attributes as the dictionary that the SDK wraps twice, or as the public property shows them."""
    bounded = getattr(span, "_attributes", None)
    if type(bounded) is BoundedAttributes:
        inner: dict[str, Any] = bounded._dict  # noqa: SLF001 - a third of the encoder's time otherwise
        return inner
    return span.attributes or {}


def _keep(cache: dict[Any, Any], key: Any, value: Any) -> None:
    # Started anew rather than evicted one by one: a cache that overflows is one whose keys do not repeat.
    if len(cache) >= _MOST_KEPT:
        cache.clear()
    cache[key] = value
