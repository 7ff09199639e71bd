"""The OTLP/gRPC door: a generic handler that is given the request's raw bytes.

No deserializer is registered, so gRPC hands over what came off the wire (decompressed), and an acknowledgement
is the empty ExportTraceServiceResponse, which encodes to no bytes at all.
"""

from collections.abc import Awaitable, Callable

import grpc

from spanhouse_backend.errors import MalformedData, Overloaded, StoreError
from spanhouse_backend.ingest.framing import frame

TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_FULL_SUCCESS = b""

Commit = Callable[[bytes], Awaitable[None]]


def trace_service(commit: Commit) -> grpc.GenericRpcHandler:
    """The TraceService, passing each framed request to `commit` and answering when that returns.

    Statuses are those of the OTLP specification ("OTLP/gRPC Response"): INVALID_ARGUMENT is not to be retried,
    UNAVAILABLE is. RESOURCE_EXHAUSTED carries no RetryInfo when the request itself is too large (gRPC answers
    that before we see it), so clients drop rather than resend it.
    """

    async def export(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            framed = frame(request)
            if framed:
                await commit(framed)
        except MalformedData as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (Overloaded, StoreError) as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return _FULL_SUCCESS

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(TRACE_SERVICE, {"Export": method})
