"""Whether a group's bytes are whole protobuf, for when the engine cannot say whether it or the sender is at fault.

The engine makes room for a string before it reads it. A length that was damaged on its way, by a bit or on purpose, so
asks for gigabytes, and the engine reports what it reports when it has too little memory for good data. Asking the
official parser tells them apart. It is asked only then: what decodes the rest is the engine.
"""

import io
from collections.abc import Iterable
from functools import cache

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.proto import parse_length_prefixed
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_backend.store.landing import LOGS, METRICS, TRACES, Landing

_REQUESTS = {
    TRACES: ExportTraceServiceRequest.DESCRIPTOR,
    LOGS: ExportLogsServiceRequest.DESCRIPTOR,
    METRICS: ExportMetricsServiceRequest.DESCRIPTOR,
}


def is_whole(landing: Landing, body: bytes) -> bool:
    """Whether a ProtobufList body (see ingest.framing.join) decodes to its end as what lands there."""
    try:
        parse_length_prefixed(_without_text(landing), io.BytesIO(body))
    except (DecodeError, ValueError):  # the latter when it ends early, like a file whose end was lost with the power
        return False
    return True


@cache
def _without_text(landing: Landing) -> type[Message]:
    """What its requests are, with bytes where they have text.

    The engine stores text that is not UTF-8, as senders in other languages send it; Python's classes refuse it.
    """
    request = _REQUESTS[landing]
    pool = DescriptorPool()
    for file in _with_imports(request.file):
        pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(request.full_name))


def _with_imports(file: FileDescriptor) -> Iterable[FileDescriptorProto]:
    """A file after all that it imports, some perhaps twice, each with bytes in place of text."""
    for imported in file.dependencies:
        yield from _with_imports(imported)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    _make_bytes_of_text(proto.message_type)
    yield proto


def _make_bytes_of_text(messages: Iterable[DescriptorProto]) -> None:
    for message in messages:
        _make_bytes_of_text(message.nested_type)
        for field in message.field:
            if field.type == FieldDescriptorProto.TYPE_STRING:
                field.type = FieldDescriptorProto.TYPE_BYTES
