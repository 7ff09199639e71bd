"""From request bytes to insert bytes, walking top-level tags only.

An ExportTraceServiceRequest is a list of ResourceSpans and nothing else, and so is the envelope ClickHouse reads,
so requests are joined by joining their elements. What must be checked before joining is that each request is a
whole number of fields: a length that runs past the end would swallow the neighbour's spans. Each element gets a
receipt on its way (landing.proto), so that the engine can say which request a span that it refuses came with.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.store.journal import IDENTITY_BYTES

MAX_RESOURCES = 65_536
"""ResourceSpans in one request. Real ones have a few; each costs a microsecond here, and millions fit into one."""
# ExportTraceServiceRequest.resource_spans: field 1, length-delimited (opentelemetry-proto, trace_service.proto).
_RESOURCE_SPANS_TAG = 0x0A
# ResourceSpans.receipt of landing.proto: field 2047, length-delimited, and the fields of Receipt.
_RECEIPT_TAG = b"\xfa\x7f"
_IDENTITY_TAG, _EARLIEST_TAG, _LATEST_TAG = b"\x0a", b"\x11", b"\x19"
# Protobuf wire types (protobuf.dev/programming-guides/encoding).
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# A varint's bytes carry seven bits each; the eighth says that another byte follows.
_PAYLOAD, _CONTINUES = 0x7F, 0x80
_MAX_VARINT_BYTES = 10


class Framed(NamedTuple):
    """A request that may be joined with others; false when there is nothing in it."""

    identity: bytes
    """A hash of the request's bytes: what is sent again has the same."""
    elements: tuple[memoryview, ...]
    """Its ResourceSpans, encoded."""
    size: int
    """Bytes of all elements."""

    def __bool__(self) -> bool:
        return bool(self.elements)


class Window(NamedTuple):
    """When spans may start, in Unix nanoseconds; 0 is no bound."""

    earliest_ns: int = 0
    latest_ns: int = 0


ANY_TIME = Window()


def frame(request: bytes) -> Framed:
    """The request's ResourceSpans, and its identity.

    Fields that this version of OTLP does not name are left out, as the specification asks of a receiver. Raises
    MalformedData with the byte at which the request stops making sense, or when it has more than MAX_RESOURCES.
    """
    view = memoryview(request)
    elements: list[memoryview] = []
    position, end, size = 0, len(request), 0
    while position < end:
        start = position
        tag, position = _varint(request, position)
        value, position = _value(request, tag, position)
        if position > end:
            raise MalformedData(f"truncated: the field at byte {start} ends {position - end} bytes past the end")
        if tag == _RESOURCE_SPANS_TAG:
            elements.append(view[value:position])
            size += position - value
            if len(elements) > MAX_RESOURCES:
                raise MalformedData(f"more than {MAX_RESOURCES} resource_spans: send several requests")
    identity = hashlib.blake2b(request, digest_size=IDENTITY_BYTES).digest()
    return Framed(identity, tuple(elements), size)


def join(requests: Iterable[Framed], window: Window = ANY_TIME) -> bytes:
    """One ProtobufList body of several requests, each element with its receipt, behind one length prefix."""
    parts: list[bytes | memoryview] = []
    size = 0
    for request in requests:
        receipt = _receipt(request.identity, window)
        for element in request.elements:
            length = _encode_varint(len(element) + len(receipt))
            parts += (b"\x0a", length, element, receipt)
            size += 1 + len(length) + len(element) + len(receipt)
    return b"".join((_encode_varint(size), *parts))


def _receipt(identity: bytes, window: Window) -> bytes:
    body = _IDENTITY_TAG + bytes([len(identity)]) + identity
    body += _EARLIEST_TAG + window.earliest_ns.to_bytes(8, "little")
    body += _LATEST_TAG + window.latest_ns.to_bytes(8, "little")
    return _RECEIPT_TAG + _encode_varint(len(body)) + body


def _value(data: bytes, tag: int, position: int) -> tuple[int, int]:
    """Where the value of the field whose tag ends at `position` begins and ends; may end past the end of `data`."""
    wire_type = tag & 7
    if tag >> 3 == 0:
        raise MalformedData(f"not protobuf: field number 0 before byte {position}")
    if wire_type == _LENGTH:
        length, position = _varint(data, position)
        return position, position + length
    if wire_type == _VARINT:
        return position, _varint(data, position)[1]
    if wire_type == _FIXED64:
        return position, position + 8
    if wire_type == _FIXED32:
        return position, position + 4
    raise MalformedData(f"not protobuf: wire type {wire_type} before byte {position}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The base-128 number at `position`, and where the next byte is."""
    value = 0
    for count in range(_MAX_VARINT_BYTES):
        if position + count >= len(data):
            raise MalformedData(f"truncated: a number at byte {position} does not end")
        byte = data[position + count]
        value |= (byte & _PAYLOAD) << (7 * count)
        if byte < _CONTINUES:
            return value, position + count + 1
    raise MalformedData(f"not protobuf: a number at byte {position} is longer than {_MAX_VARINT_BYTES} bytes")


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > _PAYLOAD:
        out.append(value & _PAYLOAD | _CONTINUES)
        value >>= 7
    out.append(value)
    return bytes(out)
