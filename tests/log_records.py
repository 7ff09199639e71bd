"""Log records for tests of what is asked about them: OTLP of records that each say what is special about them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


class Made(NamedTuple):
    """A record to be; an id that is empty is none."""

    time_ns: int
    body: str = ""
    level: int = 9
    event: str = ""
    attributes: Mapping[str, str] = {}
    trace_id: bytes = b""
    span_id: bytes = b""
    severity: str = ""


def records(
    service: str, made: Iterable[Made], *, scope: str = "tests", resource: Mapping[str, str] | None = None
) -> ExportLogsServiceRequest:
    """One request of one service and scope."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    for key, value in ({"service.name": service} | dict(resource or {})).items():
        resource_logs.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    for one in made:
        record = LogRecord(
            time_unix_nano=one.time_ns,
            severity_number=one.level,  # type: ignore[arg-type]  # as on the wire
            severity_text=one.severity,
            event_name=one.event,
            trace_id=one.trace_id,
            span_id=one.span_id,
        )
        record.body.string_value = one.body
        for key, value in one.attributes.items():
            record.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
        scope_logs.log_records.append(record)
    return message
