"""The values of OTLP JSON: one function for each protobuf type, from what json.loads made to the field's wire bytes.

Each accepts what protobuf's JSON mapping lets a sender write (protobuf.dev, "ProtoJSON Format") as far as OTLP does
not narrow it: a 64-bit integer as a number or as text, a double also as "NaN" and its kin, an enum as a number only.
"""

import binascii
import json
import re
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

# (value, how many messages may still be nested in it) -> its bytes on the wire, without a tag.
Writer = Callable[[Any, int], bytes]

_SHOWN_CHARACTERS = 60
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
# Longer than any integer that fits in 64 bits: Python takes long to read digits that are refused anyway.
_MAX_DIGITS = 25
_UINT64 = (1 << 64) - 1
_BYTES = [bytes([value]) for value in range(256)]
_PAYLOAD, _CONTINUES = 0x7F, 0x80


class Refusal(Exception):
    """A value that cannot be converted. Its path is put together on the way out, so that good input pays nothing."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = ""

    def within(self, outer: str) -> None:
        """The field, or [index], that the path so far is a part of."""
        self.path = f"{outer}{'.' if self.path and not self.path.startswith('[') else ''}{self.path}"


def shown(value: Any) -> str:
    """A value as an error message shows it: short, whatever it is."""
    if isinstance(value, str):
        text = repr(value[: _SHOWN_CHARACTERS + 1])
        return text if len(value) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...'"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def varint(value: int) -> bytes:
    """A base-128 number (protobuf.dev, "Encoding"); negative ones as 64-bit two's complement."""
    if 0 <= value < _CONTINUES:
        return _BYTES[value]
    value &= _UINT64
    written = bytearray()
    while value > _PAYLOAD:
        written.append(value & _PAYLOAD | _CONTINUES)
        value >>= 7
    written.append(value)
    return bytes(written)


def mended(text: str) -> bytes:
    """UTF-8 of a text with half of a surrogate pair, which is JavaScript's way of cutting a string to length.

    It is worth a character, which becomes U+FFFD, and not a batch.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _zigzag(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else ~(value << 1))


def hex_id(value: Any, _depth: int) -> bytes:
    """A trace or span id: hexadecimal in either case, of any length. Whether an id is valid is not decided here."""
    if type(value) is not str:
        raise Refusal(f"{shown(value)} is not a hexadecimal string")
    try:
        written = binascii.unhexlify(value)
    except ValueError as error:
        odd = re.fullmatch("[0-9a-fA-F]+", value)
        raise Refusal(f"{shown(value)} {'has an odd number of digits' if odd else 'is not hexadecimal'}") from error
    return varint(len(written)) + written


def _text(value: Any, _depth: int) -> bytes:
    if type(value) is not str:
        raise Refusal(f"{shown(value)} is not a string")
    try:
        written = value.encode()
    except UnicodeEncodeError:
        written = mended(value)
    return (_BYTES[len(written)] if len(written) < _CONTINUES else varint(len(written))) + written


def _base64(value: Any, _depth: int) -> bytes:
    """Either alphabet, with or without padding."""
    if type(value) is not str:
        raise Refusal(f"{shown(value)} is not a base64 string")
    text = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        written = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise Refusal(f"{shown(value)} is not base64") from error
    return varint(len(written)) + written


def _bool(value: Any, _depth: int) -> bytes:
    if type(value) is not bool:
        raise Refusal(f"{shown(value)} is not true or false")
    return b"\x01" if value else b"\x00"


def _double(value: Any, _depth: int) -> bytes:
    if type(value) is str and (value in _NOT_FINITE or _NUMBER.fullmatch(value)):
        value = _NOT_FINITE[value] if value in _NOT_FINITE else float(value)
    if type(value) not in (int, float):
        raise Refusal(f"{shown(value)} is not a number")
    try:
        return struct.pack("<d", float(value))
    except OverflowError as error:
        raise Refusal(f"{shown(value)} is too large for a double") from error


def _number_of(value: Any) -> int:
    """The integer that `value` is: a number, or digits in a string."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and len(value) <= _MAX_DIGITS and _INTEGER.fullmatch(value):
        return int(value)
    raise Refusal(f"{shown(value)} is not an integer")


def _integer(low: int, high: int, write: Callable[[int], bytes]) -> Writer:
    def write_integer(value: Any, _depth: int) -> bytes:
        number = value if type(value) is int else _number_of(value)
        if not low <= number <= high:
            raise Refusal(f"{shown(value)} is not between {low} and {high}")
        return write(number)

    return write_integer


def _enum(value: Any, depth: int) -> bytes:
    if type(value) is str:
        raise Refusal(f"{shown(value)} is not an integer, which enums are in OTLP's JSON")
    return _int32(value, depth)


def _packer(layout: str) -> Callable[[int], bytes]:
    return struct.Struct(layout).pack


_int32 = _integer(-(1 << 31), (1 << 31) - 1, varint)

# By FieldDescriptor.TYPE_*; messages and ids are not here.
WRITERS: dict[int, Writer] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BYTES: _base64,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_ENUM: _enum,
    FieldDescriptor.TYPE_INT32: _int32,
    FieldDescriptor.TYPE_INT64: _integer(-(1 << 63), (1 << 63) - 1, varint),
    FieldDescriptor.TYPE_UINT32: _integer(0, (1 << 32) - 1, varint),
    FieldDescriptor.TYPE_UINT64: _integer(0, _UINT64, varint),
    FieldDescriptor.TYPE_SINT32: _integer(-(1 << 31), (1 << 31) - 1, _zigzag),
    FieldDescriptor.TYPE_SINT64: _integer(-(1 << 63), (1 << 63) - 1, _zigzag),
    FieldDescriptor.TYPE_FIXED32: _integer(0, (1 << 32) - 1, _packer("<I")),
    FieldDescriptor.TYPE_FIXED64: _integer(0, _UINT64, _packer("<Q")),
    FieldDescriptor.TYPE_SFIXED32: _integer(-(1 << 31), (1 << 31) - 1, _packer("<i")),
    FieldDescriptor.TYPE_SFIXED64: _integer(-(1 << 63), (1 << 63) - 1, _packer("<q")),
}
