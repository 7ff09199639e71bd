"""OTLP requests built with the official protobuf classes."""

import random
import time
from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
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
