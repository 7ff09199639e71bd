"""One span as OTLP bytes: stamped into a template where nothing but numbers changes, assembled otherwise.

All spans of a call site share their name, kind and static attributes, so those are encoded once and every
field around them has a fixed place: a finished span is then one `struct.pack` of three ids, two times and the
flags. What comes out is `ScopeSpans.spans`, tag included, ready to be joined to its neighbours.
"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from spanhouse_exporter import wire

# opentelemetry.proto.trace.v1: field numbers of ScopeSpans, Span, Span.Event, Span.Link and Status.
_SCOPE_SPANS_SPANS = 2
_NAME, _KIND, _ATTRIBUTES = 5, 6, 9
_DROPPED_ATTRIBUTES, _EVENTS, _DROPPED_EVENTS, _LINKS, _DROPPED_LINKS, _STATUS = 10, 11, 12, 13, 14, 15
_TRACE_ID_TAG, _SPAN_ID_TAG, _PARENT_TAG = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_START_TAG, _END_TAG, _FLAGS_TAG = b"\x39", b"\x41", b"\x85\x01"
_TRACE_STATE = 3
_SPANS_TAG = wire.tag(_SCOPE_SPANS_SPANS, 2)

_ROOT_SIZE = 18 + 10 + 9 + 9 + 6  # trace id, span id, start, end, flags, each with its tag
_CHILD_SIZE = _ROOT_SIZE + 10

FLAG_HAS_REMOTE = 0x100
"""Span.flags bit 8: whether the parent is remote is known (always set here)."""
FLAG_PARENT_REMOTE = 0x200
"""Span.flags bit 9: the parent lives in another process."""

StampRoot = Callable[[bytes, bytes, int, int, int], bytes]
"""(trace_id, span_id, start_ns, end_ns, flags) -> bytes."""
StampChild = Callable[[bytes, bytes, bytes, int, int, int], bytes]
"""(trace_id, span_id, parent_id, start_ns, end_ns, flags) -> bytes."""


def constant_fields(name: str, kind: int, attributes: bytes) -> bytes:
    """What never changes between spans of one site; `kind` is the OTLP number, `attributes` from `attribute`."""
    return wire.string(_NAME, name) + wire.unsigned(_KIND, kind) + attributes


def attribute(key: str, value: object) -> bytes:
    """One span attribute."""
    return wire.key_value(_ATTRIBUTES, key, value)


def make_stamps(constant: bytes) -> tuple[StampRoot, StampChild]:
    """Two functions that stamp a root span and a child span around `constant`.

    Ids are 16 and 8 bytes in wire order, times are nanoseconds since the epoch, flags are the W3C flags with
    bits 8 and 9 as in `FLAG_HAS_REMOTE` and `FLAG_PARENT_REMOTE`. They are closures over ready-made bytes
    because they run once a span: attribute look-ups would cost as much as the packing.
    """
    constant += _FLAGS_TAG
    root_head = _SPANS_TAG + wire.varint(_ROOT_SIZE + len(constant) - 2) + _TRACE_ID_TAG
    child_head = _SPANS_TAG + wire.varint(_CHILD_SIZE + len(constant) - 2) + _TRACE_ID_TAG
    pack_root = Struct(f"<{len(root_head)}s16s2s8ssQsQ{len(constant)}sI").pack
    pack_child = Struct(f"<{len(child_head)}s16s2s8s2s8ssQsQ{len(constant)}sI").pack
    span, parent, start, end = _SPAN_ID_TAG, _PARENT_TAG, _START_TAG, _END_TAG

    def stamp_root(trace_id: bytes, span_id: bytes, start_ns: int, end_ns: int, flags: int) -> bytes:
        return pack_root(root_head, trace_id, span, span_id, start, start_ns, end, end_ns, constant, flags)

    def stamp_child(trace_id: bytes, span_id: bytes, parent_id: bytes, start_ns: int, end_ns: int, flags: int) -> bytes:
        return pack_child(
            child_head,
            trace_id,
            span,
            span_id,
            parent,
            parent_id,
            start,
            start_ns,
            end,
            end_ns,
            constant,
            flags,
        )

    return stamp_root, stamp_child


class SpanParts(NamedTuple):
    """What a span may carry beyond its template, each already encoded by the functions below."""

    constant: bytes
    """`constant_fields`, and any further attributes."""
    trace_state: str = ""
    events: bytes = b""
    links: bytes = b""
    status: bytes = b""
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0


_pack_ids = Struct("<2s16s2s8s").pack
_pack_parent = Struct("<2s8s").pack
_pack_times = Struct("<sQsQ").pack
_pack_flags = Struct("<2sI").pack
_pack_event_time = Struct("<sQ").pack


def assemble(
    trace_id: bytes,
    span_id: bytes,
    parent_id: bytes,
    start_ns: int,
    end_ns: int,
    flags: int,
    parts: SpanParts,
) -> bytes:
    """A span with everything OTLP has room for; `parent_id` is b"" for a root."""
    body = b"".join(
        (
            _pack_ids(_TRACE_ID_TAG, trace_id, _SPAN_ID_TAG, span_id),
            wire.string(_TRACE_STATE, parts.trace_state),
            _pack_parent(_PARENT_TAG, parent_id) if parent_id else b"",
            _pack_times(_START_TAG, start_ns, _END_TAG, end_ns),
            parts.constant,
            wire.unsigned(_DROPPED_ATTRIBUTES, parts.dropped_attributes),
            parts.events,
            wire.unsigned(_DROPPED_EVENTS, parts.dropped_events),
            parts.links,
            wire.unsigned(_DROPPED_LINKS, parts.dropped_links),
            parts.status,
            _pack_flags(_FLAGS_TAG, flags),
        )
    )
    return _SPANS_TAG + wire.varint(len(body)) + body


def event(name: str, time_ns: int, attributes: bytes, dropped_attributes: int = 0) -> bytes:
    """One Span.Event; `attributes` from `event_attributes`."""
    body = _pack_event_time(b"\x09", time_ns) + wire.string(2, name) + attributes
    return wire.length_delimited(_EVENTS, body + wire.unsigned(4, dropped_attributes))


def event_attribute(key: str, value: object) -> bytes:
    """One attribute of an event (field 3 of Span.Event)."""
    return wire.key_value(3, key, value)


def link(
    trace_id: bytes,
    span_id: bytes,
    trace_state: str,
    flags: int,
    attributes: bytes,
    dropped_attributes: int = 0,
) -> bytes:
    """One Span.Link; `attributes` from `link_attribute`."""
    body = b"".join(
        (
            _pack_ids(_TRACE_ID_TAG, trace_id, _SPAN_ID_TAG, span_id),
            wire.string(3, trace_state),
            attributes,
            wire.unsigned(5, dropped_attributes),
            b"\x35" + flags.to_bytes(4, "little"),
        )
    )
    return wire.length_delimited(_LINKS, body)


def link_attribute(key: str, value: object) -> bytes:
    """One attribute of a link (field 4 of Span.Link)."""
    return wire.key_value(4, key, value)


def status(code: int, message: str) -> bytes:
    """Status; `code` is 0 unset, 1 ok, 2 error. Unset is not written: it is the default."""
    if not code:
        return b""
    return wire.length_delimited(_STATUS, wire.string(2, message) + wire.unsigned(3, code))
