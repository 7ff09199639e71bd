"""POST /api/v1/record: log records of programs that speak no OTLP, as a form, as JSON or line by line.

The stdlib's HTTPHandler sends here unchanged; docs/records.md says what becomes of which key.
"""

import functools
from typing import Any

from fastapi import APIRouter, Request, Response

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.posted_bodies import read_form, read_json, read_ndjson
from spanhouse_backend.query.failures import failure_of
from spanhouse_backend.query.parameters import flag, plain
from spanhouse_backend.query.query_http import described
from spanhouse_backend.query.question import Parameter
from spanhouse_backend.records.outcome import RESPONSES, outcome
from spanhouse_backend.records.posting import SERVICE, Format, Posting, parameters_of

FORM, JSON, NDJSON = "application/x-www-form-urlencoded", "application/json", "application/x-ndjson"
RAW = Parameter(
    "raw",
    "Of NDJSON: a line that is no object of JSON is the message of a record.",
    "false",
    {"type": "boolean"},
)
_RECORD = {"type": "object", "minProperties": 1}
# One that is no record is refused alone, and the others are taken.
_ANY = {"description": "A record, which is an object."}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": {"anyOf": [_RECORD, {"type": "array", "items": _ANY}]}},
        FORM: {"schema": _RECORD | {"additionalProperties": {"type": "string"}}},
        NDJSON: {"schema": {"type": "string", "description": "A record of JSON on each line."}},
    },
}
_PARAMETERS = (SERVICE, RAW)


def record_router(posting: Posting) -> APIRouter:
    """The route of /api/v1/record that takes records in."""
    router = APIRouter(prefix="/api/v1", tags=["records"])
    extra = {"requestBody": _BODY, "parameters": [described("/record", parameter) for parameter in _PARAMETERS]}

    @router.post("/record", responses=RESPONSES, response_class=Response, status_code=201, openapi_extra=extra)
    async def record(request: Request) -> Response:
        """Stores a log record, or as many as there are in a list or on lines; those that cannot be taken are named."""
        try:
            texts = parameters_of(request, _PARAMETERS)
            service = plain(SERVICE.name, texts[SERVICE.name])
            raw = flag(RAW.name, texts[RAW.name])
        except InvalidQuestion as error:
            return failure_of(error)
        formats = {
            FORM: Format(read_form),
            JSON: Format(read_json),
            NDJSON: Format(functools.partial(read_ndjson, raw=raw), by_lines=True),
        }
        by_lines = request.headers.get("content-type", "").startswith(NDJSON)
        return await posting.take(request, service, formats, functools.partial(outcome, by_lines=by_lines))

    return router
