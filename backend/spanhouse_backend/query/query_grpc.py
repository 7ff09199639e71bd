"""The gRPC face of the reader: spanhouse.v1.Query.

What was asked wrongly is INVALID_ARGUMENT, what is not stored NOT_FOUND. When the store fails the status is
UNAVAILABLE, as it is when no server answers at all; the trailing metadata tells the two apart. A call that is
cancelled, or whose own deadline passes, stops its question.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from spanhouse_backend.errors import (
    InvalidQuestion,
    Overloaded,
    QuestionTooLarge,
    QuestionTooSlow,
    SpanhouseError,
)
from spanhouse_backend.query.failures import RETRY_SECONDS
from spanhouse_backend.query.question import AnswerT, Question
from spanhouse_backend.query.questions import QUESTIONS
from spanhouse_backend.query.questions.delete import Delete, DeleteAnswer
from spanhouse_backend.query.questions.delete_logs import DeleteLogs
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.trace import Trace
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.wire import COLUMN, PARAMETER, STORE_FAILED, document, functions_to_proto, trace_to_proto
from spanhouse_proto import query_pb2, query_pb2_grpc

QUERY_SERVICE = query_pb2.DESCRIPTOR.services_by_name["Query"].full_name
# So many that their messages stay well below gRPC's 4 MiB, at a few hundred bytes a row.
ROWS_PER_MESSAGE = 500
_QUESTIONS = {question.name: question for question in QUESTIONS}

_Context = grpc.aio.ServicerContext[Any, Any]


def add_query_service(server: grpc.aio.Server, reader: Reader) -> None:
    """Registers the service; its name for health checks is QUERY_SERVICE."""
    query_pb2_grpc.add_QueryServicer_to_server(_Query(reader), server)


class _Query(query_pb2_grpc.QueryServicer):
    """Each method reads its request's texts, asks the reader, and encodes the answer. The names are the protocol's."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def Functions(  # noqa: N802
        self, request: query_pb2.FunctionsRequest, context: _Context
    ) -> query_pb2.FunctionsResponse:
        return functions_to_proto(await self._answer(Functions, _texts(request), context))

    async def Trace(  # noqa: N802
        self, request: query_pb2.TraceRequest, context: _Context
    ) -> query_pb2.TraceResponse:
        return trace_to_proto(await self._answer(Trace, _texts(request), context))

    async def Ask(  # noqa: N802
        self, request: query_pb2.AskRequest, context: _Context
    ) -> AsyncIterator[query_pb2.AskResponse]:
        asked = _QUESTIONS.get(request.question)
        if asked is None:
            names = ", ".join(_QUESTIONS)
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"there is no question {request.question[:100]!r}: there are {names}"
            )
        head = document(await self._answer(asked, request.parameters, context))
        rows = head.pop("rows")
        yield query_pb2.AskResponse(document=json.dumps(head))
        for start in range(0, len(rows), ROWS_PER_MESSAGE):
            yield query_pb2.AskResponse(rows=json.dumps(rows[start : start + ROWS_PER_MESSAGE]))

    async def Delete(  # noqa: N802
        self, request: query_pb2.DeleteRequest, context: _Context
    ) -> query_pb2.DeleteResponse:
        return _deleted(await self._answer(Delete, _texts(request), context))

    async def DeleteLogs(  # noqa: N802
        self, request: query_pb2.DeleteLogsRequest, context: _Context
    ) -> query_pb2.DeleteResponse:
        return _deleted(await self._answer(DeleteLogs, _texts(request), context))

    async def _answer(self, asked: type[Question[AnswerT]], texts: Any, context: _Context) -> AnswerT:
        try:
            question = asked.read(texts, time.time_ns())
            answer = await self._reader.ask(question)
        except SpanhouseError as error:
            await _abort(context, error)
        if not answer.rows and (missing := question.missing()):
            await context.abort(grpc.StatusCode.NOT_FOUND, missing)
        return answer


def _deleted(answer: DeleteAnswer) -> query_pb2.DeleteResponse:
    return query_pb2.DeleteResponse(
        deleted=answer.deleted, from_unix_ns=answer.from_ns, to_unix_ns=answer.to_ns, notes=answer.notes
    )


def _texts(request: Message) -> dict[str, str]:
    """A typed request as the texts it stands for: its fields are named as the parameters are."""
    return {field.name: _text(value) for field, value in request.ListFields()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Each as google.rpc.Code describes it; FAILED_PRECONDITION is what it makes no sense to send again.
_CODES: dict[type[SpanhouseError], grpc.StatusCode] = {
    QuestionTooLarge: grpc.StatusCode.FAILED_PRECONDITION,
    QuestionTooSlow: grpc.StatusCode.DEADLINE_EXCEEDED,
}


async def _abort(context: _Context, error: SpanhouseError) -> NoReturn:
    if isinstance(error, InvalidQuestion):
        where = () if error.column is None else ((PARAMETER, error.parameter), (COLUMN, str(error.column)))
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error), where)
    if isinstance(error, Overloaded):
        code = grpc.StatusCode.RESOURCE_EXHAUSTED
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = RETRY_SECONDS
        status = status_pb2.Status(code=code.value[0], message=str(error))
        status.details.add().Pack(retry)
        # The trailer that gRPC keeps for google.rpc.Status.
        await context.abort(code, str(error), (("grpc-status-details-bin", status.SerializeToString()),))
    if type(error) in _CODES:
        await context.abort(_CODES[type(error)], str(error))
    await context.abort(grpc.StatusCode.UNAVAILABLE, str(error), (STORE_FAILED,))
