"""The signals of OTLP that are taken in, and all that is different about each: everything else is the same code."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from spanhouse_backend.ingest.otlp_json import logs_to_protobuf, metrics_to_protobuf, traces_to_protobuf
from spanhouse_backend.ingest.weight import DATA_POINTS, LOG_RECORDS, SPANS, Shape
from spanhouse_backend.store import landing
from spanhouse_backend.store.landing import Landing
from spanhouse_backend.store.rejection import Rejection


@dataclass(frozen=True, eq=False)
class Signal:
    """One of OTLP's signals. There is one object of each, so that they can be told apart by identity."""

    name: str
    """As in the path of OTLP/HTTP and the folders of a spool."""
    service: str
    """The full name of its gRPC service."""
    landing: Landing
    """Where the store takes its requests."""
    shape: Shape
    from_json: Callable[[bytes], bytes]
    """A request's protobuf bytes from its JSON. Raises MalformedData."""
    taken: Callable[[], Message]
    """OTLP's answer to a request of which nothing was refused: partial_success is unset."""
    partly_taken: Callable[[int, str], Message]
    """The answer when so many records were refused, with what to say of them."""
    personal: bytes = b""
    """Makes the hashes of its requests others than those of the same bytes in another signal (RFC 7693, 2.5)."""

    @property
    def path(self) -> str:
        """Where OTLP/HTTP posts it."""
        return f"/v1/{self.name}"

    @property
    def records(self) -> str:
        """What its requests hold, in words."""
        return self.shape.records

    def response(self, rejection: Rejection) -> Message:
        """OTLP's answer to a request that was taken."""
        if not rejection.records:
            return self.taken()
        refused = f"{rejection.records} {self.records} were refused, most of them because: {rejection.reason}"
        return self.partly_taken(rejection.records, refused)


TRACES = Signal(
    name="traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    landing=landing.TRACES,
    shape=SPANS,
    from_json=traces_to_protobuf,
    taken=ExportTraceServiceResponse,
    partly_taken=lambda count, message: ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=count, error_message=message)
    ),
)
LOGS = Signal(
    name="logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    landing=landing.LOGS,
    shape=LOG_RECORDS,
    from_json=logs_to_protobuf,
    taken=ExportLogsServiceResponse,
    partly_taken=lambda count, message: ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=count, error_message=message)
    ),
    personal=b"logs",
)
METRICS = Signal(
    name="metrics",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    landing=landing.METRICS,
    shape=DATA_POINTS,
    from_json=metrics_to_protobuf,
    taken=ExportMetricsServiceResponse,
    partly_taken=lambda count, message: ExportMetricsServiceResponse(
        partial_success=ExportMetricsPartialSuccess(rejected_data_points=count, error_message=message)
    ),
    personal=b"metrics",
)
SIGNALS = (TRACES, LOGS, METRICS)
