"""OTLP requests built with the official protobuf classes."""

import random
import time
from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SECOND = 1_000_000_000


def request(
    service: str,
    durations_ns: Iterable[int],
    *,
    name: str = "module.function",
    start_ns: int | None = None,
    attributes: Mapping[str, AnyValue] | None = None,
    seed: int = 0,
) -> ExportTraceServiceRequest:
    """One resource, one scope, one root span for each duration, started a microsecond apart."""
    chance = random.Random(f"{service}/{name}/{seed}")
    start = time.time_ns() - 60 * SECOND if start_ns is None else start_ns
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    scope_spans.scope.version = "1"
    for index, duration in enumerate(durations_ns):
        begun = start + index * 1000
        scope_spans.spans.append(
            Span(
                trace_id=chance.randbytes(16),
                span_id=chance.randbytes(8),
                name=name,
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=begun,
                end_time_unix_nano=begun + duration,
                attributes=[KeyValue(key=key, value=value) for key, value in (attributes or {}).items()],
            )
        )
    return message


def log_request(
    service: str,
    bodies: Iterable[str],
    *,
    time_ns: int | None = None,
    attributes: Mapping[str, AnyValue] | None = None,
    seed: int = 0,
) -> ExportLogsServiceRequest:
    """One resource, one scope, one record of INFO for each body, a microsecond apart, observed a second later."""
    chance = random.Random(f"{service}/{seed}")
    begun = time.time_ns() - 60 * SECOND if time_ns is None else time_ns
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add(schema_url="https://resource.example")
    resource_logs.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    scope_logs = resource_logs.scope_logs.add(schema_url="https://scope.example")
    scope_logs.scope.name = "tests"
    scope_logs.scope.version = "1"
    for index, body in enumerate(bodies):
        made = begun + index * 1000
        scope_logs.log_records.append(
            LogRecord(
                time_unix_nano=made,
                observed_time_unix_nano=made + SECOND,
                severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
                severity_text="INFO",
                body=AnyValue(string_value=body),
                trace_id=chance.randbytes(16),
                span_id=chance.randbytes(8),
                attributes=[KeyValue(key=key, value=value) for key, value in (attributes or {}).items()],
            )
        )
    return message


def gauge_request(service: str, values: Iterable[float], *, time_ns: int | None = None) -> ExportMetricsServiceRequest:
    """One resource, one gauge, one point for each value, a microsecond apart."""
    begun = time.time_ns() - 60 * SECOND if time_ns is None else time_ns
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    resource_metrics.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    metric = resource_metrics.scope_metrics.add().metrics.add(name="level", unit="1")
    for index, value in enumerate(values):
        metric.gauge.data_points.add(time_unix_nano=begun + index * 1000, as_double=value)
    return message
