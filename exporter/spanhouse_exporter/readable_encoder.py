"""The SDK's `ReadableSpan`s -> OTLP bytes, several times faster than building protobuf objects.

Resources, scopes, names, attribute keys and most attribute values repeat from span to span, so their bytes are
kept. Where the SDK wraps plain values in layers of accessors they are read directly; a span of another make is read
through its public properties. Unlike the stock encoder, this one sets the W3C bits of `flags` and the trace state
of links, as trace.proto asks.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from spanhouse_exporter import envelope, span_bytes, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

_MOST_KEPT = 4096
_MOST_VALUES_OF_A_KEY = 64
_LONGEST_KEPT_PAIR = 128
_SPAN_ATTRIBUTE, _EVENT_ATTRIBUTE, _LINK_ATTRIBUTE = b"\x4a", b"\x1a", b"\x22"
_INTERNAL, _UNSET = SpanKind.INTERNAL, StatusCode.UNSET
_W3C_FLAGS = 0xFF
_LOW = 0xFFFFFFFFFFFFFFFF
_SMALL = 120
_LENGTHS = [wire.varint(number) for number in range(2048)]
"""Lengths of nearly all spans, ready made."""
_pack_fixed = Struct("<2s8s8s2s8ssQsQ").pack
_pack_ids = Struct(">QQQ").pack
_pack_flags = Struct("<2sI").pack
_pack_double = Struct("<d").pack
_KEPT_LENGTHS = len(_LENGTHS)
_NOTHING_DROPPED = (0, 0, 0)
_BOUNDED_LIST: Any = BoundedList
Fields = tuple[Any, ...]
"""context, parent, start, end, name, kind, attributes, events, links, status, dropped counts of one span."""


class ReadableEncoder:
    """Encodes spans of the SDK; keeps bytes of what repeats.

    Concurrency: the caches are plain dictionaries whose entries are made equal by whoever comes first; an encoder
    may be used from several threads.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._doubles: dict[tuple[bytes, str], bytes] = {}
        # tag -> type -> key -> value -> the whole attribute: most attributes of a service take few values.
        self._pairs: dict[bytes, dict[type, dict[str, dict[Any, bytes]]]] = {
            tag: {str: {}, bool: {}, int: {}} for tag in (_SPAN_ATTRIBUTE, _EVENT_ATTRIBUTE, _LINK_ATTRIBUTE)
        }
        self._names: dict[tuple[str, SpanKind], bytes] = {}
        self._internal_names: dict[str, bytes] = {}
        # By identity, with the object kept alive: hashing a Resource serialises it to JSON.
        self._resources: dict[int, tuple[Any, bytes]] = {}
        self._scopes: dict[int, tuple[Any, bytes]] = {}

    def request(self, spans: Iterable[ReadableSpan]) -> bytes:
        """One ExportTraceServiceRequest (one ResourceSpans for each resource, one ScopeSpans for each scope)."""
        grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
        last: tuple[Any, Any] = (self, self)  # stands for no span at all
        encoded: list[bytes] = []
        for span in spans:
            origin = (span.resource, span.instrumentation_scope)
            if origin[0] is not last[0] or origin[1] is not last[1]:
                last = origin
                scopes = grouped.setdefault(self.resource(origin[0]), {})
                encoded = scopes.setdefault(self.scope(origin[1]), [])
            encoded.append(self.span(span))
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
            self._attributes(parts, _SPAN_ATTRIBUTE, attributes)
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
        return b"\x12" + (_LENGTHS[size] if size < _KEPT_LENGTHS else wire.varint(size)) + body

    def _name(self, name: str, kind: SpanKind) -> bytes:
        encoded = self._names.get((name, kind))
        if encoded is None:
            encoded = wire.string(5, name) + wire.unsigned(6, kind.value + 1)
            _keep(self._names, (name, kind), encoded)
            if kind is _INTERNAL:
                _keep(self._internal_names, name, encoded)
        return encoded

    def _attributes(self, parts: list[bytes], tag: bytes, attributes: Mapping[str, Any]) -> None:
        by_kind = self._pairs[tag]
        for key, value in attributes.items():
            by_key = by_kind.get(type(value))
            if by_key is not None:
                known = by_key.get(key)
                if known is None:
                    known = {}
                    _keep(by_key, key, known)
                pair = known.get(value)
                if pair is None:
                    pair = tag + self._pair(key, value)
                    # A key whose values do not repeat (ids, queries) costs a miss each and no memory.
                    if len(known) < _MOST_VALUES_OF_A_KEY and len(pair) < _LONGEST_KEPT_PAIR:
                        known[value] = pair
            elif type(value) is float:
                head = self._doubles.get((tag, key))
                if head is None:
                    head = (tag + self._pair(key, value))[:-8]
                    _keep(self._doubles, (tag, key), head)
                pair = head + _pack_double(value)
            else:
                pair = tag + self._pair(key, value)
            parts.append(pair)

    def _pair(self, key: str, value: Any) -> bytes:
        """A KeyValue with its length, ready for any tag."""
        encoded_key = self._keys.get(key)
        if encoded_key is None:
            encoded_key = wire.string(1, key)
            _keep(self._keys, key, encoded_key)
        body = wire.any_value(value)
        size = len(body)
        if len(encoded_key) + size < _SMALL:  # both lengths fit one byte each: most attributes there are
            return b"%c%b\x12%c%b" % (len(encoded_key) + size + 2, encoded_key, size, body)
        pair = encoded_key + b"\x12" + wire.varint(size) + body
        return wire.varint(len(pair)) + pair

    def _event(self, event: Any) -> bytes:
        encoded: list[bytes] = []
        self._attributes(encoded, _EVENT_ATTRIBUTE, event.attributes or {})
        return span_bytes.event(event.name, event.timestamp, b"".join(encoded), event.dropped_attributes)

    def _link(self, link: Any) -> bytes:
        encoded: list[bytes] = []
        self._attributes(encoded, _LINK_ATTRIBUTE, link.attributes or {})
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


def _keep(cache: dict[Any, Any], key: Any, value: Any) -> None:
    # Started anew rather than evicted one by one: a cache that overflows is one whose keys do not repeat.
    if len(cache) >= _MOST_KEPT:
        cache.clear()
    cache[key] = value
