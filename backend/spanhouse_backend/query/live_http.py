"""GET /api/v1/live: spans as they arrive, as server-sent events (WHATWG HTML, 9.2), which every browser can read.

`span` is one span, as the question `spans` writes it; `dropped` says how many arrived that are not told, null when that
is not known; `problem` says in words why nothing can be told at the moment. Only the last event of a poll has an id, so
that who comes back with `Last-Event-ID` misses nothing, and may see some spans twice. A stream ends after MAX_SECONDS:
whoever comes back then shows his token again, so one that is taken away does not go on for ever.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from spanhouse_backend.errors import ClientGone, InvalidQuestion, SpanhouseError
from spanhouse_backend.query.arrivals import Arrivals, ArrivalsAnswer
from spanhouse_backend.query.failures import Failure, failure, failure_of
from spanhouse_backend.query.gone import unless_gone
from spanhouse_backend.query.live import Live, Watch
from spanhouse_backend.query.query_http import described, texts_of
from spanhouse_backend.query.wire import plain

MEDIA_TYPE = "text/event-stream"
MAX_SECONDS = 600.0
HEARTBEAT_SECONDS = 15.0
"""Shorter than proxies keep a connection on which nothing happens."""
# How soon a browser comes back.
_RETRY_MILLISECONDS = 2000
_MAX_ID_DIGITS = 18
_NOT_IMPLEMENTED = 501
_HEARTBEAT = b":\n\n"

_PATH = "/live"
_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: `span`, `dropped` and `problem`, each with JSON as its data, until the "
        "client goes away, or for ten minutes; `Last-Event-ID` goes on where a stream ended.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name; 429: too many watch."},
    501: {"model": Failure, "description": "The store is a cluster: nobody can watch there."},
    503: {"model": Failure, "description": "The store cannot answer now."},
}


def live_router(live: Live, not_here: str = "") -> APIRouter:
    """The route of /api/v1/live; `not_here` is why nobody can watch, '' where one can."""
    router = APIRouter(prefix="/api/v1", tags=["query"])
    parameters = [described(_PATH, parameter) for parameter in Arrivals.parameters()]

    @router.get(
        _PATH,
        name=Arrivals.name,
        description=Arrivals.help(),
        responses=_ANSWERED,
        response_class=Response,
        openapi_extra={"parameters": parameters},
    )
    async def watch(request: Request) -> Response:
        if not_here:
            return failure(_NOT_IMPLEMENTED, not_here)
        try:
            asked = Arrivals.read(texts_of(request), time.time_ns())
            events = _events(live, asked, _last_event_id(request))
            # Only now is it known whether there is anything to watch: afterwards the status has been sent.
            first = await anext(events)
        except SpanhouseError as error:
            return failure_of(error)
        return _EventStream(first, events)

    return router


def event(name: str, data: Any, identity: int | None = None) -> bytes:
    """One event, in ASCII: JSON escapes line ends, and some clients take others of Unicode's for the data's end."""
    head = f"id: {identity}\n" if identity is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, allow_nan=False, separators=(',', ':'))}\n\n".encode()


class _EventStream(Response):
    """Sends events until there are no more, or the client goes away; either way the stream of events is closed then."""

    def __init__(self, first: bytes, events: AsyncGenerator[bytes, None]) -> None:
        # A proxy that keeps answers back until they are complete would show nothing: nginx is told so.
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._first = first
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            with suppress(ClientGone):
                await unless_gone(Request(scope, receive), self._send(send))

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for data in self._events:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _events(live: Live, asked: Arrivals, after: int | None) -> AsyncGenerator[bytes, None]:
    """The events of one who watches, the first as soon as he does. Raises SpanhouseError before that only."""
    async with live.watching(asked, after) as watch:
        gap = event("dropped", {"spans": None}) if watch.gap else b""
        yield f"retry: {_RETRY_MILLISECONDS}\nid: {watch.position}\n\n".encode() + gap
        async for data in _polled(watch):
            yield data


async def _polled(watch: Watch) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    ends = clock() + MAX_SECONDS
    said = clock()
    while clock() < ends:
        try:
            answer = await watch.arrived()
        except SpanhouseError as error:
            yield event("problem", {"message": str(error)})
            continue
        if answer is None:
            return
        if answer.rows or answer.dropped:
            said = clock()
            yield _told(answer)
        elif clock() - said >= HEARTBEAT_SECONDS:
            said = clock()
            yield _HEARTBEAT


def _told(answer: ArrivalsAnswer) -> bytes:
    told: list[tuple[str, Any]] = [("span", plain(row)) for row in answer.rows]
    if answer.dropped:
        told.append(("dropped", {"spans": answer.dropped}))
    *others, (name, data) = told
    return b"".join(event(*one) for one in others) + event(name, data, answer.newest)


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_ID_DIGITS):
        raise InvalidQuestion("Last-Event-ID", f"{text[:100]!r} is not the id of an event of ours")
    return int(text)
