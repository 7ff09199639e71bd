"""OTLP JSON to protobuf bytes, so that both encodings take the same way from here on.

OTLP's JSON is not quite protobuf's (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"): ids are
hexadecimal, enums are numbers, names are lowerCamelCase only, and fields that we do not know are left out at any depth.
A converter is compiled once, from the official descriptors, into tables of functions that each write a field's value.
What cannot be converted is refused by the path of the field and what is wrong with its value.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.json_values import WRITERS, Refusal, Writer, hex_id, shown, varint

# Messages within messages. An array within an array is two, an object within an object three, so that attribute
# values 64 deep, which is where OpenTelemetry's SDKs cut them off, fit in.
MAX_DEPTH = 200
_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_LENGTH = 2  # the wire type of strings, messages and packed numbers
_UNPACKED = frozenset({FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES})
_WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: 1,
    FieldDescriptor.TYPE_FIXED64: 1,
    FieldDescriptor.TYPE_SFIXED64: 1,
    FieldDescriptor.TYPE_FIXED32: 5,
    FieldDescriptor.TYPE_SFIXED32: 5,
    FieldDescriptor.TYPE_STRING: _LENGTH,
    FieldDescriptor.TYPE_BYTES: _LENGTH,
    FieldDescriptor.TYPE_MESSAGE: _LENGTH,
}


class BadField(MalformedData):
    """A value that its field cannot have: `path` is the field in the sender's words, '' for the whole request."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the request'}: {problem}")
        self.path = path
        self.problem = problem


class Converter:
    """Converts the JSON of one kind of request. Compiled once, used by any number of threads."""

    def __init__(self, message: Descriptor) -> None:
        self._write = _message_writer(message, {}, outermost=True)

    def __call__(self, body: bytes) -> bytes:
        """The request's protobuf bytes. Raises MalformedData: BadField when it is JSON that does not fit."""
        try:
            return self._write(json.loads(body.decode("utf-8-sig")), MAX_DEPTH)
        except Refusal as refusal:
            raise BadField(refusal.path, refusal.problem) from None
        except UnicodeDecodeError as error:
            raise MalformedData(f"not UTF-8: {error.reason} at byte {error.start}") from error
        except ValueError as error:
            raise MalformedData(f"not JSON: {error}") from error
        except RecursionError as error:
            # Of json.loads, for whatever is nested in fields that we would not have looked into.
            raise MalformedData("not OTLP: nested too deeply") from error


class _Field(NamedTuple):
    """How one field is written: its tag, then its value. Of the fields with the same slot, only the last is."""

    slot: str
    tag: bytes
    write: Writer


def _message_writer(message: Descriptor, known: dict[str, Writer], *, outermost: bool = False) -> Writer:
    """Writes a message of one type, behind its length unless it is the outermost.

    A default that the sender wrote out is written out as well, which is as good a protobuf as one without it.
    """
    # Filled in after the writer is known by its name: AnyValue contains itself.
    fields: dict[str, _Field] = {}

    def write(document: Any, depth: int) -> bytes:
        if type(document) is not dict:
            raise Refusal(f"{shown(document)} is not an object")
        if depth == 0:
            raise Refusal("nested too deeply")
        # By slot, so that of a oneof's members only the last is written, as a protobuf message would hold it.
        written: dict[str, bytes] = {}
        for name, value in document.items():
            field = fields.get(name)
            if field is None or value is None:  # in protobuf's JSON, null is a field that is not there
                continue
            slot, tag, write_value = field
            try:
                written[slot] = tag + write_value(value, depth - 1)
            except Refusal as refusal:
                refusal.within(name)
                raise
        body = b"".join(written.values())
        return body if outermost else varint(len(body)) + body

    known[message.full_name] = write
    for field in message.fields:
        fields[field.json_name] = _field(field, known)
    return write


def _field(field: FieldDescriptor, known: dict[str, Writer]) -> _Field:
    slot = field.containing_oneof.name if field.containing_oneof else field.json_name
    write = _value_writer(field, known)
    tag = varint(field.number << 3 | _WIRE_TYPES.get(field.type, 0))
    if not field.is_repeated:
        return _Field(slot, tag, write)
    if field.type in _UNPACKED:
        return _Field(slot, b"", _list_writer(tag, write))
    return _Field(slot, varint(field.number << 3 | _LENGTH), _packed(_list_writer(b"", write)))


def _value_writer(field: FieldDescriptor, known: dict[str, Writer]) -> Writer:
    if field.message_type is not None:
        return known.get(field.message_type.full_name) or _message_writer(field.message_type, known)
    if field.type == FieldDescriptor.TYPE_BYTES and field.name in _HEX_FIELDS:
        return hex_id
    return WRITERS[field.type]


def _list_writer(tag: bytes, write: Writer) -> Writer:
    """Writes each of a list's values behind `tag`."""

    def write_list(values: Any, depth: int) -> bytes:
        if type(values) is not list:
            raise Refusal(f"{shown(values)} is not a list")
        written: list[bytes] = []
        try:
            for value in values:
                written.append(tag + write(value, depth))  # noqa: PERF401  # its length is the index of what fails
        except Refusal as refusal:
            refusal.within(f"[{len(written)}]")
            raise
        return b"".join(written)

    return write_list


def _packed(write: Writer) -> Writer:
    def write_packed(values: Any, depth: int) -> bytes:
        written = write(values, depth)
        return varint(len(written)) + written

    return write_packed


traces_to_protobuf: Callable[[bytes], bytes] = Converter(ExportTraceServiceRequest.DESCRIPTOR)
logs_to_protobuf: Callable[[bytes], bytes] = Converter(ExportLogsServiceRequest.DESCRIPTOR)
metrics_to_protobuf: Callable[[bytes], bytes] = Converter(ExportMetricsServiceRequest.DESCRIPTOR)
