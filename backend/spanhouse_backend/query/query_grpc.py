"""The gRPC face of the reader: spanhouse.v1.Query.

What was asked wrongly is INVALID_ARGUMENT, what is not stored NOT_FOUND. When the store fails the status is
UNAVAILABLE, as it is when no server answers at all; the trailing metadata tells the two apart.
"""

import time
from typing import NoReturn

import grpc

from spanhouse_backend.errors import InvalidQuestion, StoreError
from spanhouse_backend.query.parse import functions_question, parse_trace_id
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.wire import STORE_FAILED, functions_to_proto, trace_to_proto
from spanhouse_proto import query_pb2, query_pb2_grpc

QUERY_SERVICE = query_pb2.DESCRIPTOR.services_by_name["Query"].full_name


def add_query_service(server: grpc.aio.Server, reader: Reader) -> None:
    """Registers the service; its name for health checks is QUERY_SERVICE."""
    query_pb2_grpc.add_QueryServicer_to_server(_Query(reader), server)


class _Query(query_pb2_grpc.QueryServicer):
    """Each method reads its request's texts, asks the reader, and encodes the answer."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def Functions(  # noqa: N802  # the name is the protocol's
        self, request: query_pb2.FunctionsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> query_pb2.FunctionsResponse:
        try:
            question = functions_question(
                since=request.since,
                until=request.until,
                service=request.service,
                sort=request.sort,
                limit=request.limit,
                now_ns=time.time_ns(),
            )
            return functions_to_proto(await self._reader.functions(question))
        except (InvalidQuestion, StoreError) as error:
            await _abort(context, error)

    async def Trace(  # noqa: N802  # the name is the protocol's
        self, request: query_pb2.TraceRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> query_pb2.TraceResponse:
        try:
            trace_id = parse_trace_id(request.trace_id)
            answer = await self._reader.trace(trace_id)
        except (InvalidQuestion, StoreError) as error:
            await _abort(context, error)
        if not answer.rows:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no span of trace {trace_id} is stored")
        return trace_to_proto(answer)


async def _abort(context: grpc.aio.ServicerContext[object, object], error: InvalidQuestion | StoreError) -> NoReturn:
    if isinstance(error, InvalidQuestion):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    await context.abort(grpc.StatusCode.UNAVAILABLE, str(error), (STORE_FAILED,))
