"""What every door does with a request that is framed, and what OTLP answers when it is taken."""

from collections.abc import Awaitable, Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from spanhouse_backend.ingest.framing import Framed
from spanhouse_backend.store.rejection import Rejection

Commit = Callable[[Framed], Awaitable[Rejection]]
"""Returns when a request is stored, with what was refused of it; raises MalformedData, Overloaded or StoreError."""

OVERLOADED_RETRY_SECONDS = 1
"""What waits is stored within a second or so."""
UNAVAILABLE_RETRY_SECONDS = 5
"""A full disk or an engine that is away takes somebody, or some time."""


def trace_response(rejection: Rejection) -> ExportTraceServiceResponse:
    """OTLP's answer to a request that was taken: partial_success is unset when all of it was."""
    if not rejection.spans:
        return ExportTraceServiceResponse()
    partial = ExportTracePartialSuccess(
        rejected_spans=rejection.spans,
        error_message=f"{rejection.spans} spans were refused, most of them because: {rejection.reason}",
    )
    return ExportTraceServiceResponse(partial_success=partial)
