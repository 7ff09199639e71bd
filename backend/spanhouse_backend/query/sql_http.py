"""Raw SQL over REST: /api/v1/sql, GET for statements that fit an address and POST for any.

The answer is the engine's own bytes in the format asked for; an error is {"error": {"parameter": .., "message": ..}}
like the other questions'. A client that goes away stops its statement.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from spanhouse_backend.errors import InvalidQuestion, SpanhouseError
from spanhouse_backend.query.failures import Failure, failure_of
from spanhouse_backend.query.gone import unless_gone
from spanhouse_backend.query.sql_checker import MAX_STATEMENT_BYTES
from spanhouse_backend.query.sql_reader import MEDIA_TYPES, SqlReader, known_format

# Short names of the formats that most people want; ClickHouse's own names are taken too.
FORMATS = {
    "json": "JSON",
    "ndjson": "JSONEachRow",
    "csv": "CSVWithNames",
    "tsv": "TabSeparatedWithNames",
    "arrow": "ArrowStream",
    "parquet": "Parquet",
    "native": "Native",
}
_PARAMETER_PREFIX = "param_"

Statement = Annotated[str, Query(description="One SELECT, SHOW, DESCRIBE or EXPLAIN of ClickHouse's SQL.")]
Format = Annotated[
    str,
    Query(
        description=f"What the answer is written in: {', '.join(FORMATS)}, or one of ClickHouse's names "
        f"({', '.join(MEDIA_TYPES)}). A FORMAT clause of the statement comes first.",
    ),
]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows, in the format asked for.",
        "content": {media: {} for media in MEDIA_TYPES.values()},
    },
    "4XX": {"model": Failure, "description": "A statement that may not be run, is wrong, or needs more than it may."},
    503: {"model": Failure, "description": "The store cannot answer now."},
}
_BODY = {"content": {"text/plain": {"schema": {"type": "string", "maxLength": MAX_STATEMENT_BYTES}}}}


def sql_router(reader: SqlReader) -> APIRouter:
    """The routes of /api/v1/sql, asking `reader`."""
    router = APIRouter(prefix="/api/v1", tags=["sql"])

    @router.get("/sql", responses=_ANSWERS, response_class=Response)
    async def ask(request: Request, query: Statement = "", format: Format = "json") -> Response:  # noqa: A002  # as asked for
        """Answers one statement. Values of its placeholders {name:Type} are given as param_name."""
        return await _answer(request, reader, query, format)

    @router.post("/sql", responses=_ANSWERS, response_class=Response, openapi_extra={"requestBody": _BODY})
    async def post(request: Request, query: Statement = "", format: Format = "json") -> Response:  # noqa: A002  # as asked for
        """Answers the statement in the body (or in `query`, when the body is empty)."""
        try:
            statement = await _statement(request, query)
        except InvalidQuestion as error:
            return failure_of(error)
        return await _answer(request, reader, statement, format)

    return router


async def _answer(request: Request, reader: SqlReader, statement: str, form: str) -> Response:
    try:
        parameters = _parameters(request)
        output_format = FORMATS.get(form.lower()) or known_format("format", form)
        answer = await unless_gone(request, reader.run(statement, parameters, output_format))
    except SpanhouseError as error:
        return failure_of(error)
    return Response(answer.body, media_type=MEDIA_TYPES[answer.output_format])


def _parameters(request: Request) -> dict[str, str]:
    """The values of placeholders, by their names. Raises InvalidQuestion for what is neither they nor ours."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith(_PARAMETER_PREFIX):
            if values.setdefault(name.removeprefix(_PARAMETER_PREFIX), value) != value:
                raise InvalidQuestion(name[:100], "it is given twice, with different values")
        elif name not in {"query", "format"}:
            raise InvalidQuestion(name[:100], "no such parameter; there are format, param_* and query")
    return values


async def _statement(request: Request, query: str) -> str:
    """The body as text. Raises InvalidQuestion before more is read than a statement may have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_STATEMENT_BYTES:
            raise InvalidQuestion("body", f"it is longer than the {MAX_STATEMENT_BYTES} bytes that are taken")
    try:
        statement = body.decode()
    except UnicodeDecodeError:
        raise InvalidQuestion("body", "this is not UTF-8") from None
    if statement.strip() and query.strip():
        raise InvalidQuestion("query", "there is a statement in the body too: give one")
    return statement if statement.strip() else query
