"""What ingest must agree on with the official protobuf classes, for any bytes: property tests and fuzzer ask it."""

import base64
import contextlib
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from wire_bombs import field

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame
from spanhouse_backend.ingest.otlp_json import traces_to_protobuf

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def check_framing(data: bytes) -> None:
    """Nothing but MalformedData is raised; of what both take, framing sees the same resources and as many spans.

    The engine, which reads what framing passes on, has the last word on what is inside of spans.
    """
    try:
        framed = frame(data)
    except MalformedData:
        return
    with contextlib.suppress(DecodeError):
        message = ExportTraceServiceRequest.FromString(data)
        assert len(framed.elements) == len(message.resource_spans)
        assert framed.spans == sum(
            len(scope_spans.spans)
            for resource_spans in message.resource_spans
            for scope_spans in resource_spans.scope_spans
        )
        again = ExportTraceServiceRequest.FromString(b"".join(field(1, bytes(one)) for one in framed.elements))
        message.DiscardUnknownFields()
        again.DiscardUnknownFields()
        assert canonical(again) == canonical(message)


def check_json(body: bytes) -> None:
    """Nothing but MalformedData is raised; what is converted decodes, and to what protobuf's own JSON makes of it."""
    try:
        ours = ExportTraceServiceRequest.FromString(traces_to_protobuf(body))
    except MalformedData:
        return
    with contextlib.suppress(json_format.ParseError, ValueError):
        document = _as_protobuf_has_it(json.loads(body.decode("utf-8-sig")))
        theirs = json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)
        assert canonical(ours) == canonical(theirs)


def canonical(message: ExportTraceServiceRequest) -> bytes:
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
