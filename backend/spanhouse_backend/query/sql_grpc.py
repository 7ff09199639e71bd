"""Raw SQL over gRPC: the service spanhouse.v1.Sql. A client that goes away stops its statement."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from spanhouse_backend.errors import InvalidQuestion, Overloaded, SpanhouseError, StatementFailed
from spanhouse_backend.query.sql_reader import SqlReader, known_format
from spanhouse_backend.query.wire import STORE_FAILED
from spanhouse_proto import sql_pb2, sql_pb2_grpc

SQL_SERVICE = sql_pb2.DESCRIPTOR.services_by_name["Sql"].full_name
# Well below the 4 MiB that a gRPC message may have.
_PIECE_BYTES = 1024 * 1024


def add_sql_service(server: grpc.aio.Server, reader: SqlReader) -> None:
    """Registers the service; its name for health checks is SQL_SERVICE."""
    sql_pb2_grpc.add_SqlServicer_to_server(_Sql(reader), server)


class _Sql(sql_pb2_grpc.SqlServicer):
    """Reads the request, asks the reader, and hands its bytes on. The name is the protocol's."""

    def __init__(self, reader: SqlReader) -> None:
        self._reader = reader

    async def Run(  # noqa: N802
        self, request: sql_pb2.SqlRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[sql_pb2.SqlResponse]:
        try:
            output_format = known_format("format", request.format or "JSON")
            # gRPC cancels this when the client goes away, and the reader then kills the statement.
            answer = await self._reader.run(request.statement, request.parameters, output_format)
        except (InvalidQuestion, StatementFailed) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except SpanhouseError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error), (STORE_FAILED,))
        yield sql_pb2.SqlResponse(format=answer.output_format, body=answer.body[:_PIECE_BYTES])
        for start in range(_PIECE_BYTES, len(answer.body), _PIECE_BYTES):
            yield sql_pb2.SqlResponse(body=answer.body[start : start + _PIECE_BYTES])
