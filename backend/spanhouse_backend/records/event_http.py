"""POST /api/v1/events: events of any number of streams, from programs that speak no OTLP."""

import functools
from typing import Any

from fastapi import APIRouter, Request, Response

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.posted_events import read_events
from spanhouse_backend.query.failures import failure_of
from spanhouse_backend.query.parameters import plain
from spanhouse_backend.query.query_http import described
from spanhouse_backend.records.outcome import RESPONSES, outcome
from spanhouse_backend.records.posting import SERVICE, Format, Posting, parameters_of

JSON = "application/json"
# Of any type: one that is no object is refused alone, and the others are taken.
_EVENTS = {"type": "array", "items": {"description": "An event, which is an object."}}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"type": "object", "additionalProperties": _EVENTS},
            "example": {"shop.clicks": [{"user": 40, "@time": "2026-01-31T09:30:00Z"}, {"user": 42}]},
        }
    },
}
_FORMATS = {JSON: Format(read_events)}


def event_router(posting: Posting) -> APIRouter:
    """The route of /api/v1/events that takes events in."""
    router = APIRouter(prefix="/api/v1", tags=["records"])
    extra = {"requestBody": _BODY, "parameters": [described("/events", SERVICE)]}

    @router.post("/events", responses=RESPONSES, response_class=Response, status_code=201, openapi_extra=extra)
    async def put(request: Request) -> Response:
        """Stores events in their streams; `@time` is when one was, if not now. Those that cannot be taken are named."""
        try:
            service = plain(SERVICE.name, parameters_of(request, (SERVICE,))[SERVICE.name])
        except InvalidQuestion as error:
            return failure_of(error)
        return await posting.take(request, service, _FORMATS, functools.partial(outcome, by_stream=True))

    return router
