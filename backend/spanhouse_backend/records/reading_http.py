"""GET and HEAD of /api/v1/record: log records as Chronologer's clients ask for them.

HEAD counts, all together or step by step, GET gives those between two offsets, and /record/{id} one of them. Each is a
question that the other faces ask as well; only parameters and answers are in other words.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from spanhouse_backend.errors import SpanhouseError
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.failures import Failure, failure, failure_of
from spanhouse_backend.query.formats import to_json
from spanhouse_backend.query.gone import unless_gone
from spanhouse_backend.query.heads import COUNT, HEADS
from spanhouse_backend.query.heads import GROUP as GROUPED
from spanhouse_backend.query.query_http import described
from spanhouse_backend.query.question import Parameter, Question
from spanhouse_backend.query.questions.logs import RECORD_ID, Log
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.representation import represented
from spanhouse_backend.records.posting import parameters_of
from spanhouse_backend.records.record_questions import (
    FILTERS,
    GROUP,
    GROUPS,
    RANGE,
    in_these_words,
    read_count,
    read_groups,
    read_range,
)
from spanhouse_backend.records.record_shape import (
    RecordDocument,
    WholeRecordDocument,
    record_document,
    whole_record_document,
)

AnswerT = TypeVar("AnswerT", bound=Answer[Any])

_NOT_FOUND = 404
_PATH, _ONE_PATH = "/record", "/record/{record_id}"
_FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name; 429: try again later."},
    503: {"model": Failure, "description": "The store cannot answer now."},
    504: {"model": Failure, "description": "It was not answered in the time it had, and was stopped."},
}
_COUNTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The headers are the answer; those of an error are X-Error-*.",
        "headers": {
            COUNT: {
                "description": "How many records there are; with `group`, of each step that has any, with commas.",
                "schema": {"type": "string"},
            },
            GROUPED: {
                "description": "With `group`: when these steps begin, in Unix seconds, with commas.",
                "schema": {"type": "string"},
            },
        },
    }
}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "What If-None-Match names is still the answer."}}


def reading_router(reader: Reader) -> APIRouter:
    """The routes of /api/v1/record that give records, asking `reader`."""
    router = APIRouter(prefix="/api/v1", tags=["records"], responses=_FAILURES)

    async def ask(request: Request, question: Question[AnswerT]) -> AnswerT:
        return await unless_gone(request, reader.ask(question))

    @router.head(_PATH, responses=_COUNTED, response_class=Response, openapi_extra=_taking(_PATH, FILTERS, GROUPS))
    async def count(request: Request) -> Response:
        """How many records are there, all together or step by step?"""

        async def counted() -> Response:
            given = parameters_of(request, (*FILTERS, *GROUPS))
            head = HEADS["timeline" if given[GROUP.name] else "logs"]
            asked = (read_groups if given[GROUP.name] else read_count)(given, time.time_ns())
            headers = head.headers(await ask(request, head.asks(asked)))
            return Response(headers=headers | {"Cache-Control": "private, no-cache"})

        return await _or_failure(counted)

    @router.get(
        _PATH,
        response_model=list[RecordDocument],
        responses=_UNCHANGED,
        openapi_extra=_taking(_PATH, RANGE, FILTERS),
    )
    async def between(request: Request) -> Response:
        """The records between two offsets, the oldest first unless asked otherwise."""

        async def found() -> Response:
            asked = read_range(parameters_of(request, (*RANGE, *FILTERS)), time.time_ns())
            answer = await ask(request, asked)
            documents = [record_document(row) for row in answer.rows]
            return await _written(request, documents, {COUNT: str(len(documents))})

        return await _or_failure(found)

    @router.get(
        _ONE_PATH,
        response_model=WholeRecordDocument,
        responses=_UNCHANGED | {_NOT_FOUND: {"model": Failure, "description": "No record of this id is stored."}},
        openapi_extra=_taking(_ONE_PATH, (RECORD_ID,)),
    )
    async def one(request: Request) -> Response:
        """One record with all that it says."""

        async def found() -> Response:
            asked = Log.read(parameters_of(request, (RECORD_ID,)), time.time_ns())
            answer = await ask(request, asked)
            if not answer.rows:
                return failure(_NOT_FOUND, asked.missing(), RECORD_ID.name)
            return await _written(request, whole_record_document(answer.rows[0]), {})

        return await _or_failure(found)

    return router


def _taking(path: str, *parameters: Sequence[Parameter]) -> dict[str, Any]:
    return {"parameters": [described(path, parameter) for some in parameters for parameter in some]}


async def _or_failure(answer: Callable[[], Awaitable[Response]]) -> Response:
    try:
        with in_these_words():
            return await answer()
    except SpanhouseError as error:
        return failure_of(error)


async def _written(request: Request, document: Any, headers: dict[str, str]) -> Response:
    """Off the event loop: ten thousand records take a while to write and to compress."""

    def write() -> Response:
        body = to_json(document)
        return represented(request, body, "application/json", headers)

    return await asyncio.to_thread(write)
