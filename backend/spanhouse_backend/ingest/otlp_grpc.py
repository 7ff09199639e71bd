"""The OTLP/gRPC door: a generic handler that is given the request's raw bytes.

No deserializer is registered, so gRPC hands over what came off the wire (decompressed). The answer is an
ExportTraceServiceResponse: empty, which encodes to no bytes at all, unless some spans were refused.
"""

from typing import NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2

from spanhouse_backend.errors import MalformedData, Overloaded, StoreError
from spanhouse_backend.ingest.answer import (
    OVERLOADED_RETRY_SECONDS,
    UNAVAILABLE_RETRY_SECONDS,
    Commit,
    trace_response,
)
from spanhouse_backend.ingest.framing import frame

TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def trace_service(commit: Commit) -> grpc.GenericRpcHandler:
    """The TraceService, passing each framed request to `commit` and answering when that returns.

    Statuses are those of the OTLP specification ("OTLP/gRPC Response"): INVALID_ARGUMENT is not to be retried,
    UNAVAILABLE is, and RESOURCE_EXHAUSTED is when it carries a RetryInfo. It carries none when the request itself is
    too large (gRPC answers that before we see it), so clients drop rather than resend it.
    """

    async def export(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            rejection = await commit(frame(request))
        except MalformedData as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            await _abort_for_now(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), OVERLOADED_RETRY_SECONDS)
        except StoreError as error:
            await _abort_for_now(context, grpc.StatusCode.UNAVAILABLE, str(error), UNAVAILABLE_RETRY_SECONDS)
        return trace_response(rejection).SerializeToString()

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(TRACE_SERVICE, {"Export": method})


async def _abort_for_now(
    context: grpc.aio.ServicerContext[bytes, bytes], code: grpc.StatusCode, message: str, retry_seconds: int
) -> NoReturn:
    """Aborts with a google.rpc.RetryInfo: it travels in the trailer that gRPC keeps for google.rpc.Status."""
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.seconds = retry_seconds
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.add().Pack(retry)
    await context.abort(code, message, (("grpc-status-details-bin", status.SerializeToString()),))
