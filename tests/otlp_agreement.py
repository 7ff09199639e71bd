"""What ingest must agree on with the official protobuf classes, for any bytes: property tests and fuzzer ask it."""

import base64
import contextlib
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from wire_bombs import field

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame
from spanhouse_backend.ingest.signals import LOGS, METRICS, TRACES, Signal

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
REQUESTS: dict[Signal, type[Message]] = {
    TRACES: ExportTraceServiceRequest,
    LOGS: ExportLogsServiceRequest,
    METRICS: ExportMetricsServiceRequest,
}
"""The official class of each signal's requests."""


def check_framing(data: bytes) -> None:
    """Taken for a request of any signal: nothing but MalformedData is raised, and of what framing and the official
    classes both take, framing sees the same resources and as many records.

    The engine, which reads what framing passes on, has the last word on what is inside of records.
    """
    for signal, kind in REQUESTS.items():
        try:
            framed = frame(data, signal=signal)
        except MalformedData:
            continue
        with contextlib.suppress(DecodeError):
            message = kind.FromString(data)
            assert len(framed.elements) == len(resources(message))
            # A metric that was written as two kinds is both to us, and the last of them to the official classes.
            if signal is METRICS:
                assert framed.records >= count_records(message)
            else:
                assert framed.records == count_records(message)
            again = kind.FromString(b"".join(field(1, bytes(one)) for one in framed.elements))
            message.DiscardUnknownFields()
            again.DiscardUnknownFields()
            assert canonical(again) == canonical(message)


def check_json(body: bytes) -> None:
    """Nothing but MalformedData is raised; what is converted decodes, and to what protobuf's own JSON makes of it."""
    for signal, kind in REQUESTS.items():
        try:
            ours = kind.FromString(signal.from_json(body))
        except MalformedData:
            continue
        with contextlib.suppress(json_format.ParseError, ValueError):
            document = _as_protobuf_has_it(json.loads(body.decode("utf-8-sig")))
            theirs = json_format.ParseDict(document, kind(), ignore_unknown_fields=True)
            assert canonical(ours) == canonical(theirs)


def resources(message: Message) -> Any:
    """The ResourceSpans, or their like, of a request: its one field."""
    return getattr(message, message.DESCRIPTOR.fields_by_number[1].name)


def count_records(message: Message) -> int:
    """How many spans, log records or data points there are in a request."""
    scopes = [
        scope
        for resource in resources(message)
        for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name)
    ]
    if isinstance(message, ExportMetricsServiceRequest):
        metrics = [metric for scope in scopes for metric in scope.metrics]
        return sum(len(getattr(one, one.WhichOneof("data")).data_points) for one in metrics if one.WhichOneof("data"))
    return sum(len(getattr(scope, scope.DESCRIPTOR.fields_by_number[2].name)) for scope in scopes)


def canonical(message: Message) -> bytes:
    """Its bytes: NaN is not equal to itself."""
    return message.SerializeToString(deterministic=True)


def _as_protobuf_has_it(document: Any) -> Any:
    """Ids in base64, and without the names of the .proto files, which OTLP's JSON does not know."""
    if isinstance(document, list):
        return [_as_protobuf_has_it(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: base64.b64encode(bytes.fromhex(value)).decode()
        if name in _IDS and isinstance(value, str)
        else _as_protobuf_has_it(value)
        for name, value in document.items()
        if "_" not in name and not name.startswith("[")
    }
