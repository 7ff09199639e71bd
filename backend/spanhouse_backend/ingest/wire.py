"""Protobuf's wire format, as far as ingest reads it (protobuf.dev, "Encoding"): tags, lengths and numbers.

Nothing here knows OTLP. What is not protobuf is refused with the byte at which it stops making sense; groups, which
protobuf gave up before OTLP was thought of, are among that.
"""

from spanhouse_backend.errors import MalformedData

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types: the lowest three bits of a tag."""
# A varint's bytes carry seven bits each; the eighth says that another byte follows.
_PAYLOAD, _CONTINUES = 0x7F, 0x80
_MAX_VARINT_BYTES = 10


def read_field(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """The tag of the field at `position`, and where its value begins and ends, which is not past `end`.

    Raises MalformedData.
    """
    start = position
    tag, position = read_varint(data, position)
    wire_type = tag & 7
    if tag >> 3 == 0:
        raise MalformedData(f"not protobuf: field number 0 before byte {position}")
    if wire_type == LENGTH:
        length, position = read_varint(data, position)
        after = position + length
    elif wire_type == VARINT:
        _, after = read_varint(data, position)
    elif wire_type == FIXED64:
        after = position + 8
    elif wire_type == FIXED32:
        after = position + 4
    else:
        raise MalformedData(f"not protobuf: wire type {wire_type} before byte {position}")
    if after > end:
        raise MalformedData(f"truncated: the field at byte {start} ends {after - end} bytes past the end")
    return tag, position, after


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The base-128 number at `position`, and where the next byte is. Raises MalformedData."""
    value = 0
    for count in range(_MAX_VARINT_BYTES):
        if position + count >= len(data):
            raise MalformedData(f"truncated: a number at byte {position} does not end")
        byte = data[position + count]
        value |= (byte & _PAYLOAD) << (7 * count)
        if byte < _CONTINUES:
            return value, position + count + 1
    raise MalformedData(f"not protobuf: a number at byte {position} is longer than {_MAX_VARINT_BYTES} bytes")


def write_varint(value: int) -> bytes:
    """A base-128 number."""
    out = bytearray()
    while value > _PAYLOAD:
        out.append(value & _PAYLOAD | _CONTINUES)
        value >>= 7
    out.append(value)
    return bytes(out)
