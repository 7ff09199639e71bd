"""The REST face of the reader: GET /api/v1/<question>, described by OpenAPI.

Parameters arrive as text and are read where gRPC's are, so that both refuse the same things in the same words; a
refusal is {"error": {"parameter": .., "message": ..}}.
"""

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, WithJsonSchema

from spanhouse_backend.errors import InvalidQuestion, StoreError
from spanhouse_backend.query.model import Accuracy, FunctionRow, Source, SpanRow
from spanhouse_backend.query.parse import (
    DEFAULT_LIMIT,
    DEFAULT_SORT,
    MAX_LIMIT,
    SORTS,
    functions_question,
    parse_trace_id,
)
from spanhouse_backend.query.reader import MAX_TRACE_SPANS, Reader
from spanhouse_backend.query.wire import functions_document, trace_document


class Problem(BaseModel):
    """What is wrong, and with which parameter if with one."""

    parameter: str | None
    message: str


class Failure(BaseModel):
    """The body of every answer that is not 200."""

    error: Problem


class FunctionsDocument(BaseModel):
    """The table of functions over [from, to), whole minutes; durations are nanoseconds."""

    source: Source
    accuracy: Accuracy
    from_: Annotated[str, Field(alias="from", json_schema_extra={"format": "date-time"})]
    to: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    rows: list[FunctionRow]


class TraceDocument(BaseModel):
    """The spans of one trace in order of start; `from` and `to` are its first start and its last end."""

    source: Literal["raw"]
    accuracy: Literal["exact"]
    from_: Annotated[str, Field(alias="from", json_schema_extra={"format": "date-time"})]
    to: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    truncated: Annotated[bool, Field(description=f"Whether there are more than the {MAX_TRACE_SPANS} spans given.")]
    rows: list[SpanRow]


_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _QueryRoute(APIRoute):
    """Turns our errors into answers, and refuses parameters that the question does not have.

    A misspelt parameter would otherwise be left out in silence, and the answer be to another question.
    """

    def get_route_handler(self) -> _Handler:
        answer = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            try:
                _refuse_unknown(request, known)
                return await answer(request)
            except InvalidQuestion as error:
                return _failure(400, str(error), error.parameter)
            except StoreError as error:
                return _failure(503, str(error))

        return handle


def _refuse_unknown(request: Request, known: set[str]) -> None:
    for name in request.query_params:
        if name not in known:
            choices = f"; there are {', '.join(sorted(known))}" if known else ""
            raise InvalidQuestion(name[:100], f"no such parameter{choices}")


def _failure(status: int, message: str, parameter: str | None = None) -> JSONResponse:
    return JSONResponse(Failure(error=Problem(parameter=parameter, message=message)).model_dump(), status)


_TIME = 'ISO 8601, Unix seconds, or an age such as "15m", "1h", "7d"'
Since = Annotated[str, Query(description=f"Where the window begins: {_TIME}. Everything stored if not given.")]
Until = Annotated[str, Query(description=f"Where the window ends, itself not included: {_TIME}. Now if not given.")]
Service = Annotated[str, Query(description="Only this service.")]
Sort = Annotated[
    str,
    Query(
        description='Numbers sort downwards, names upwards; "_ns" may be left out.',
        json_schema_extra={"enum": list(SORTS)},
    ),
]
Limit = Annotated[
    str | int,
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
    Query(description="At most this many rows."),
]
TraceId = Annotated[str, Path(description="32 hexadecimal digits.")]


def query_router(reader: Reader) -> APIRouter:
    """The routes of /api/v1, asking `reader`."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["query"],
        route_class=_QueryRoute,
        responses={
            # Not 400, although it always is: "4XX" also keeps FastAPI from promising its own 422, which never comes.
            "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name."},
            503: {"model": Failure, "description": "The store cannot answer now."},
        },
    )

    @router.get("/functions", response_model=FunctionsDocument)
    async def functions(
        since: Since = "",
        until: Until = "",
        service: Service = "",
        sort: Sort = DEFAULT_SORT,
        limit: Limit = DEFAULT_LIMIT,
    ) -> dict[str, Any]:
        """Which functions are slow, how often are they called, how often do they fail?"""
        question = functions_question(
            since=since, until=until, service=service, sort=sort, limit=limit, now_ns=time.time_ns()
        )
        return functions_document(await reader.functions(question))

    @router.get(
        "/trace/{trace_id}",
        response_model=TraceDocument,
        responses={404: {"model": Failure, "description": "No span of this trace is stored."}},
    )
    async def trace(trace_id: TraceId) -> Any:
        """Every span of one trace, in order of start."""
        known = parse_trace_id(trace_id)
        answer = await reader.trace(known)
        if not answer.rows:
            return _failure(404, f"no span of trace {known} is stored", "trace_id")
        return trace_document(answer)

    return router
