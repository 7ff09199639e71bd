"""The REST face of the reader: GET /api/v1/<question>, described by OpenAPI.

Routes, parameters and the schemas of answers are made from the questions' own descriptions. Parameters are read where
gRPC's are, so that both refuse the same things in the same words; a refusal is
{"error": {"parameter": .., "message": ..}}, with the `column` for what is wrong inside a filter. Answers carry an ETag.
"""

import hashlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, create_model

from spanhouse_backend.errors import InvalidQuestion, StoreError
from spanhouse_backend.query.answers import Accuracy, Answer, Source
from spanhouse_backend.query.parameters import choice
from spanhouse_backend.query.question import Parameter, Question
from spanhouse_backend.query.questions import ADMIN_QUESTIONS, QUESTIONS
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.wire import csv_text, document


class Problem(BaseModel):
    """What is wrong, with which parameter if with one, and at which column of it if that is known."""

    parameter: str | None
    message: str
    column: int | None = None


class Failure(BaseModel):
    """The body of every answer that is not 200."""

    error: Problem


_IsoTime = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
# Questions that have their subject in the path, as REST has it.
_PATHS = {"trace": "/trace/{trace_id}", "delete": "/admin/spans"}
_METHODS = {"delete": "DELETE"}


def document_model(question: type[Question[Any]]) -> type[BaseModel]:
    """The JSON of a question's answers, as OpenAPI describes it: what wire.document makes."""
    known = {"source", "accuracy", "from_ns", "to_ns", "rows"}
    further = {field.name: (field.type, ...) for field in fields(question.answer_type) if field.name not in known}
    model: type[BaseModel] = create_model(
        f"{question.__name__}Document",
        __doc__=question.answer_type.__doc__,
        source=(Source, ...),
        accuracy=(Accuracy, ...),
        from_=(_IsoTime, Field(alias="from")),
        to=(_IsoTime, ...),
        **further,  # type: ignore[call-overload]  # names and types that are known at run time only
        rows=(list[question.row], ...),  # type: ignore[name-defined]  # likewise
    )
    return model


def query_router(reader: Reader) -> APIRouter:
    """The routes of /api/v1, asking `reader`."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["query"],
        responses={
            # Not 400, although it always is: "4XX" also keeps FastAPI from promising its own 422, which never comes.
            "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name."},
            503: {"model": Failure, "description": "The store cannot answer now."},
        },
    )
    for question in (*QUESTIONS, *ADMIN_QUESTIONS):
        path = _PATHS.get(question.name, f"/{question.name}")
        responses: dict[int | str, dict[str, Any]] = {
            200: {"content": {"text/csv": {}}},
            304: {"description": "What has the tag of If-None-Match is still the answer."},
        }
        if question.missing is not Question.missing:
            responses[404] = {"model": Failure, "description": "Nothing of it is stored."}
        router.add_api_route(
            path,
            _endpoint(reader, question),
            response_model=document_model(question),
            responses=responses if question in QUESTIONS else {},
            methods=[_METHODS.get(question.name, "GET")],
            name=question.name,
            description=question.help(),
            openapi_extra={"parameters": [_described(path, known) for known in _parameters(question)]},
        )
    return router


def _endpoint(reader: Reader, asked: type[Question[Any]]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        try:
            texts = _texts(request)
            form = texts.pop(_FORMAT.name, "") if asked in QUESTIONS else ""
            write = _FORMATS[choice(_FORMAT.name, form or _FORMAT.default, tuple(_FORMATS))]
            question = asked.read(texts, time.time_ns())
            found = await reader.ask(question)
        except InvalidQuestion as error:
            return _failure(400, str(error), error.parameter, error.column)
        except StoreError as error:
            return _failure(503, str(error))
        if not found.rows and (missing := question.missing()):
            return _failure(404, missing, next(iter(request.path_params), None))
        return _tagged(request, write(asked, found))

    return answer


def _texts(request: Request) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, text in (*request.path_params.items(), *request.query_params.multi_items()):
        if name in texts:
            raise InvalidQuestion(name[:100], "is given more than once")
        texts[name] = text
    return texts


def _parameters(question: type[Question[Any]]) -> tuple[Parameter, ...]:
    return (*question.parameters(), _FORMAT) if question in QUESTIONS else question.parameters()


def _json(_: type[Question[Any]], answer: Answer[Any]) -> Response:
    return JSONResponse(document(answer))


def _csv(asked: type[Question[Any]], answer: Answer[Any]) -> Response:
    return Response(csv_text(asked.row, answer), media_type="text/csv; charset=utf-8")


def _tagged(request: Request, response: Response) -> Response:
    """The response with a tag of its content, or 304 for who has that: a dashboard asks again and again.

    RFC 9110, 8.8.3 and 13.1.2. To be asked for each time, because what the answer is made of goes on changing.
    """
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")}
    if request.method == "GET" and known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


_FORMAT = Parameter(
    "format",
    "JSON, or the rows alone as CSV, in which maps and lists are JSON.",
    "json",
    {"type": "string", "enum": ["json", "csv"]},
)
_FORMATS: dict[str, Callable[[type[Question[Any]], Answer[Any]], Response]] = {"json": _json, "csv": _csv}


def _failure(status: int, message: str, parameter: str | None = None, column: int | None = None) -> JSONResponse:
    problem = Problem(parameter=parameter, message=message)
    if column is not None:
        problem.column = column
    return JSONResponse(Failure(error=problem).model_dump(exclude_unset=True), status)


def _described(path: str, parameter: Parameter) -> dict[str, Any]:
    in_path = f"{{{parameter.name}}}" in path
    schema = dict(parameter.schema) | ({"default": parameter.default} if parameter.default else {})
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path or parameter.required,
        "description": parameter.help,
        "schema": schema,
    }
