"""From request bytes to insert bytes, walking top-level tags only.

An ExportTraceServiceRequest is a list of ResourceSpans and nothing else, and so is the envelope ClickHouse reads,
so requests are joined by joining their bytes. What must be checked before joining is that each request is a
whole number of fields: a length that runs past the end would swallow the neighbour's spans.
"""

from collections.abc import Iterable

from spanhouse_backend.errors import MalformedData

# ExportTraceServiceRequest.resource_spans: field 1, length-delimited (opentelemetry-proto, trace_service.proto).
_RESOURCE_SPANS_TAG = 0x0A
# Protobuf wire types (protobuf.dev/programming-guides/encoding).
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# A varint's bytes carry seven bits each; the eighth says that another byte follows.
_PAYLOAD, _CONTINUES = 0x7F, 0x80
_MAX_VARINT_BYTES = 10


def frame(request: bytes) -> bytes:
    """The request's ResourceSpans fields, ready to be joined with others; b'' when it has none.

    That is the request itself, unless it has fields this version of OTLP does not name: those are left out, as
    the specification asks of a receiver. Raises MalformedData with the byte at which the request stops making sense.
    """
    position, end = 0, len(request)
    kept: list[bytes] | None = None
    while position < end:
        start = position
        tag, position = _varint(request, position)
        position = _skip(request, tag, position)
        if position > end:
            raise MalformedData(f"truncated: the field at byte {start} ends {position - end} bytes past the end")
        if tag != _RESOURCE_SPANS_TAG:
            kept = [request[:start]] if kept is None else kept
        elif kept is not None:
            kept.append(request[start:position])
    return request if kept is None else b"".join(kept)


def join(framed: Iterable[bytes]) -> bytes:
    """One ProtobufList body of several framed requests: their bytes behind one length prefix."""
    body = b"".join(framed)
    return _encode_varint(len(body)) + body


def _skip(data: bytes, tag: int, position: int) -> int:
    """Where the field whose value begins at `position` ends; may lie past the end of `data`."""
    wire_type = tag & 7
    if tag >> 3 == 0:
        raise MalformedData(f"not protobuf: field number 0 before byte {position}")
    if wire_type == _LENGTH:
        length, position = _varint(data, position)
        return position + length
    if wire_type == _VARINT:
        return _varint(data, position)[1]
    if wire_type == _FIXED64:
        return position + 8
    if wire_type == _FIXED32:
        return position + 4
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
