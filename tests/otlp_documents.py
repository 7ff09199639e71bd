"""OTLP's JSON as the specification has it, made from the official messages, and strategies that make those."""

import base64
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

_HEX = {"traceId", "spanId", "parentSpanId"}
_SMALL_BYTES = st.binary(max_size=8)
_DOUBLES = st.one_of(st.floats(allow_nan=False), st.just(float("nan")))


def _integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([0, 1, low, high]))


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=8),
    FieldDescriptor.TYPE_BYTES: _SMALL_BYTES,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: _DOUBLES,
    FieldDescriptor.TYPE_ENUM: st.integers(0, 5),
    FieldDescriptor.TYPE_INT32: _integers(32, signed=True),
    FieldDescriptor.TYPE_SINT32: _integers(32, signed=True),
    FieldDescriptor.TYPE_UINT32: _integers(32, signed=False),
    FieldDescriptor.TYPE_FIXED32: _integers(32, signed=False),
    FieldDescriptor.TYPE_INT64: _integers(64, signed=True),
    FieldDescriptor.TYPE_SINT64: _integers(64, signed=True),
    FieldDescriptor.TYPE_SFIXED64: _integers(64, signed=True),
    FieldDescriptor.TYPE_UINT64: _integers(64, signed=False),
    FieldDescriptor.TYPE_FIXED64: _integers(64, signed=False),
}


@st.composite
def messages(draw: st.DrawFn, kind: type[Message]) -> Message:
    """Any message of this kind, with values nested a few deep."""
    message = kind()
    _fill(draw, message, 8)
    return message


def _fill(draw: st.DrawFn, message: Message, depth: int) -> None:
    for field in _present(draw, message.DESCRIPTOR):
        if field.message_type is not None and not depth:
            continue
        if field.is_repeated:
            values = getattr(message, field.name)
            for _ in range(draw(st.integers(0, 2))):
                if field.message_type is None:
                    values.append(draw(_SCALARS[field.type]))
                else:
                    _fill(draw, values.add(), depth - 1)
        elif field.message_type is None:
            setattr(message, field.name, draw(_SCALARS[field.type]))
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(draw, inner, depth - 1)


def _present(draw: st.DrawFn, message: Descriptor) -> list[FieldDescriptor]:
    """Any of the fields, and of a oneof's at most one."""
    fields = [field for field in message.fields if field.containing_oneof is None and draw(st.booleans())]
    for oneof in message.oneofs:
        chosen = draw(st.sampled_from([None, *oneof.fields]))
        fields += [] if chosen is None else [chosen]
    return fields


def otlp_json(message: Message) -> Any:
    """What json.dumps makes OTLP's JSON of: protobuf's own, with numbers for enums and hexadecimal ids."""
    return _with_hex_ids(json_format.MessageToDict(message, use_integers_for_enums=True))


def _with_hex_ids(document: Any) -> Any:
    if isinstance(document, list):
        return [_with_hex_ids(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: base64.b64decode(value).hex() if name in _HEX else _with_hex_ids(value)
        for name, value in document.items()
    }


def json_names(message: Descriptor, known: dict[str, set[str]] | None = None) -> set[str]:
    """Every field name that occurs anywhere in a message."""
    known = {} if known is None else known
    if message.full_name not in known:
        known[message.full_name] = {field.json_name for field in message.fields}
        for field in message.fields:
            if field.message_type is not None:
                json_names(field.message_type, known)
    return set().union(*known.values())
