"""The protobuf wire format, as far as OTLP needs it, written by hand.

Generated classes build one Python object for every field of every span, and that is most of what a stock
exporter costs. Here a field is a few bytes joined to its neighbours. Only encoding lives in this file, plus
the one small reader that answers need; field numbers are those of opentelemetry-proto, named where used.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_ONE_BYTE = [bytes((n,)) for n in range(128)]
_double = struct.Struct("<d").pack

# opentelemetry.proto.common.v1.AnyValue, KeyValue, ArrayValue and KeyValueList.
_ANY_STRING, _ANY_BOOL, _ANY_INT, _ANY_DOUBLE = 0x0A, 0x10, 0x18, 0x21
_ANY_ARRAY, _ANY_KVLIST, _ANY_BYTES = 0x2A, 0x32, 0x3A
_TRUE, _FALSE = bytes((_ANY_BOOL, 1)), bytes((_ANY_BOOL, 0))

_DEEPEST = 30
"""Lists and maps inside each other. Receivers on protobuf's libraries refuse a whole request for more than 100 messages
inside each other ("recursion limit"): a map is three, and up to seven are around an attribute's value.
"""


class _TooDeepError(ValueError):
    """Deeper than that, or containing itself."""


def varint(number: int) -> bytes:
    """A base-128 varint of an integer in 0 .. 2**64-1 (protobuf encoding, "Base 128 Varints")."""
    if number < 128:  # noqa: PLR2004 - the width of one varint byte
        return _ONE_BYTE[number]
    out = bytearray()
    while number > 127:  # noqa: PLR2004
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


LENGTHS = [varint(number) for number in range(2048)]
"""Lengths of nearly all items, ready made."""


def tag(field: int, wire_type: int) -> bytes:
    """The tag in front of a field."""
    return varint(field << 3 | wire_type)


def length_delimited(field: int, payload: bytes) -> bytes:
    """A string, bytes or message field; written even when `payload` is empty."""
    return tag(field, _LENGTH) + varint(len(payload)) + payload


def string(field: int, text: str) -> bytes:
    """A string field, or nothing for "" (proto3 does not write defaults)."""
    return length_delimited(field, utf8(text)) if text else b""


def unsigned(field: int, number: int) -> bytes:
    """A varint field, or nothing for 0."""
    return tag(field, _VARINT) + varint(number) if number else b""


def utf8(text: str) -> bytes:
    """UTF-8; a lone surrogate, which has none, becomes "?" rather than an exception."""
    return text.encode("utf-8", "replace")


def any_value(value: object, depth: int = 0) -> bytes:  # noqa: PLR0911 - one per type
    """The body of an AnyValue: None is the empty value; foreign types, integers beyond int64, and what is nested too
    deep for receivers are their text. `depth` counts the lists and maps around it.
    """
    kind = type(value)
    if kind is str:
        text = utf8(value)  # type: ignore[arg-type]  # a type test that mypy does not follow
        return b"\x0a" + varint(len(text)) + text
    if value is None:
        return b""
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    if isinstance(value, int):
        if _INT64_MIN <= value <= _INT64_MAX:
            return b"\x18" + varint(value & 0xFFFFFFFFFFFFFFFF)
        return any_value(str(value))
    if isinstance(value, float):
        return b"\x21" + _double(value)
    return _rarer_value(value, depth)


def _rarer_value(value: object, depth: int) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        body = bytes(value)
        return bytes((_ANY_BYTES,)) + varint(len(body)) + body
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        return any_value(str(value))
    if depth:
        return _container(value, depth)
    try:
        return _container(value, depth)
    except _TooDeepError:
        return any_value(str(value))


def _container(value: Mapping[str, object] | Sequence[object], depth: int) -> bytes:
    if depth == _DEEPEST:
        raise _TooDeepError
    if isinstance(value, Mapping):
        body, number = key_values(1, value, depth + 1), _ANY_KVLIST
    else:
        body, number = b"".join([length_delimited(1, any_value(item, depth + 1)) for item in value]), _ANY_ARRAY
    return bytes((number,)) + varint(len(body)) + body


def key_value(field: int, key: str, value: object, depth: int = 0) -> bytes:
    """One KeyValue message as field number `field` of the message around it."""
    name = utf8(key)
    body = any_value(value, depth)
    pair = b"\x0a" + varint(len(name)) + name + b"\x12" + varint(len(body)) + body
    return length_delimited(field, pair)


def key_values(field: int, attributes: Mapping[str, object], depth: int = 0) -> bytes:
    """A repeated KeyValue field; keys that are not strings are written as their text."""
    return b"".join([key_value(field, str(key), value, depth) for key, value in attributes.items()])


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of each field; ints for numbers, bytes for the rest. Raises ValueError when
    malformed.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        wire_type = key & 7
        if wire_type == _VARINT:
            number, at = _read_varint(message, at)
            yield key >> 3, number
            continue
        if wire_type == _LENGTH:
            size, at = _read_varint(message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire_type} is not used by proto3")
        if at + size > len(message):
            raise ValueError("a field runs past the end of its message")
        yield key >> 3, message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("a varint runs past the end of its message")
        byte = message[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004
            return number, at
    raise ValueError("a varint of more than ten bytes")
