"""The REST face of the reader: GET /api/v1/<question>, described by OpenAPI.

Routes, parameters and the schemas of answers are made from the questions' own descriptions. Parameters are read where
gRPC's are, so that both refuse the same things in the same words. Two parameters are this face's own: `format` (or the
header Accept) and `timeout`. A client that goes away stops its question. HEAD has the headers of GET; of log records it
counts instead (heads.py), which no page of them can say.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, create_model

from spanhouse_backend.errors import InvalidQuestion, SpanhouseError
from spanhouse_backend.query.answers import Accuracy, Source
from spanhouse_backend.query.failures import Failure, failure, failure_of
from spanhouse_backend.query.formats import ARROW, CSV, FORMATS, JSON, Format, Writes, chosen, to_arrow, to_csv, to_json
from spanhouse_backend.query.gone import unless_gone
from spanhouse_backend.query.heads import HEADS, Head
from spanhouse_backend.query.question import Parameter, Question
from spanhouse_backend.query.questions import ADMIN_QUESTIONS, QUESTIONS
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.representation import represented
from spanhouse_backend.query.times import SECOND_NS, parse_length
from spanhouse_backend.query.wire import document

FORMAT = Parameter(
    "format",
    "What the answer is written in; the header Accept is asked if not given. CSV and Arrow have the rows only.",
    schema={"type": "string", "enum": [form.name for form in FORMATS]},
)
TIMEOUT = Parameter(
    "timeout", 'Give up after this time ("500ms", "5s"), or after the server\'s own limit if that is shorter.'
)
OWN_PARAMETERS = (FORMAT, TIMEOUT)
_IsoTime = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
# Questions whose path is not their name, and orders, which are not asked with GET.
PATHS = {
    "trace": "/trace/{trace_id}",
    "log": "/logs/{record_id}",
    "delete": "/admin/spans",
    "delete_logs": "/admin/logs",
}
METHODS = {"delete": "DELETE", "delete_logs": "DELETE"}
_HEADERS = {
    "ETag": "The same for the same answer in the same format: send it as If-None-Match to get 304 instead.",
    "X-Record-Count": "How many rows there are.",
    "X-Spanhouse-Answer": "With CSV and Arrow: the JSON document without its rows.",
}
_DESCRIBED_HEADERS = {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()}
_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer.",
        "headers": _DESCRIBED_HEADERS,
        "content": {
            CSV.media_type: {"schema": {"type": "string"}},
            ARROW.media_type: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    304: {"description": "What If-None-Match names is still the answer."},
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Failure, "description": "Nothing of it is stored."}}


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


def query_router(reader: Reader, writer: Writes) -> APIRouter:
    """The routes of /api/v1, asking `reader`; `writer` writes Arrow."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["query"],
        responses={
            # Not 400, although it mostly is: "4XX" also keeps FastAPI from promising its own 422, which never comes.
            "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name; 429: try again later."},
            503: {"model": Failure, "description": "The store cannot answer now."},
            504: {"model": Failure, "description": "It was not answered in the time it had, and was stopped."},
        },
    )
    for question in (*QUESTIONS, *ADMIN_QUESTIONS):
        path = PATHS.get(question.name, f"/{question.name}")
        method = METHODS.get(question.name, "GET")
        own = OWN_PARAMETERS if method == "GET" else ()
        endpoint = _endpoint(reader, writer, question, own)
        router.add_api_route(
            path,
            endpoint,
            response_model=document_model(question),
            responses=(_ANSWERED if own else {}) | (_MISSING if question.missing is not Question.missing else {}),
            methods=[method],
            name=question.name,
            description=question.help(),
            openapi_extra={"parameters": [described(path, parameter) for parameter in (*question.parameters(), *own)]},
        )
        if question.name in HEADS:
            _add_head(router, reader, question, HEADS[question.name])
        elif method == "GET":
            router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
    return router


def _add_head(router: APIRouter, reader: Reader, question: type[Question[Any]], head: Head) -> None:
    path = f"/{question.name}"
    headers = {name: {"description": says, "schema": {"type": "string"}} for name, says in head.says.items()}
    router.add_api_route(
        path,
        _head_endpoint(reader, question, head),
        response_class=Response,
        responses={
            200: {"description": "The headers are the answer; those of an error are X-Error-*.", "headers": headers}
        },
        methods=["HEAD"],
        description="How many of them are there? Counted, and not read.",
        openapi_extra={"parameters": [described(path, parameter) for parameter in (*question.parameters(), TIMEOUT)]},
    )


def _endpoint(
    reader: Reader, writer: Writes, asked: type[Question[Any]], own: tuple[Parameter, ...]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        try:
            texts = texts_of(request)
            given = {parameter.name: texts.pop(parameter.name, "") for parameter in own}
            form = chosen(given[FORMAT.name], request.headers.get("accept", "")) if given else JSON
            if form is None:
                types = ", ".join(form.media_type for form in FORMATS)
                return failure(406, f"the header Accept takes none of {types}")
            seconds = _seconds(given.get(TIMEOUT.name, ""))
            question = asked.read(texts, time.time_ns())
            found = await unless_gone(request, reader.ask(question, seconds))
            if not found.rows and (missing := question.missing()):
                return failure(404, missing, next(iter(request.path_params), None))
            # Ten thousand rows take a while to write, and others wait for the event loop.
            body, headers = await _written(form, writer, asked, await asyncio.to_thread(document, found))
        except SpanhouseError as error:
            return failure_of(error)
        return await asyncio.to_thread(represented, request, body, form.content_type, headers)

    return answer


def _head_endpoint(
    reader: Reader, asked: type[Question[Any]], head: Head
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        try:
            texts = texts_of(request)
            seconds = _seconds(texts.pop(TIMEOUT.name, ""))
            question = head.asks(asked.read(texts, time.time_ns()))
            found = await unless_gone(request, reader.ask(question, seconds))
        except SpanhouseError as error:
            return failure_of(error)
        return Response(headers=head.headers(found) | {"Cache-Control": "private, no-cache"})

    return answer


async def _written(
    form: Format, writer: Writes, asked: type[Question[Any]], answer: dict[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """The body in this format, and the headers that belong to it."""
    count = {"X-Record-Count": str(len(answer["rows"]))}
    if form not in (CSV, ARROW):
        return await asyncio.to_thread(to_json, answer), count
    rows = answer.pop("rows")
    headers = count | {"X-Spanhouse-Answer": json.dumps(answer)}  # which escapes what a header may not hold
    if form is CSV:
        return await asyncio.to_thread(to_csv, asked.row, rows), headers
    return await to_arrow(writer, asked.row, rows), headers


def texts_of(request: Request) -> dict[str, str]:
    """The parameters in a request's path and query. Raises InvalidQuestion for one that is given twice."""
    texts: dict[str, str] = {}
    for name, text in (*request.path_params.items(), *request.query_params.multi_items()):
        if name in texts:
            raise InvalidQuestion(name[:100], "is given more than once")
        texts[name] = text
    return texts


def _seconds(text: str) -> float | None:
    if not text:
        return None
    length_ns = parse_length(TIMEOUT.name, text)
    if not length_ns:
        raise InvalidQuestion(TIMEOUT.name, "0 is no time to answer in")
    return length_ns / SECOND_NS


def described(path: str, parameter: Parameter) -> dict[str, Any]:
    """A parameter as OpenAPI has it."""
    in_path = f"{{{parameter.name}}}" in path
    schema = dict(parameter.schema) | ({"default": parameter.default} if parameter.default else {})
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path or parameter.required,
        "description": parameter.help,
        "schema": schema,
    }
