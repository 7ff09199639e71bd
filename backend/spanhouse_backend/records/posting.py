"""What every route does with records that are posted: reads the body, stores it as OTLP, and says what came of it.

A body goes the way of OTLP's requests (ingest/answer.py), within the same bounds and with the same promises: what is
answered as taken is stored, and what is sent again is stored once. Whatever cannot be taken is named by its place and
does not keep the rest from being stored.
"""

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_backend.errors import InvalidQuestion, MalformedData, Overloaded, SpanhouseError, StoreError, TooLarge
from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.answer import UNAVAILABLE_RETRY_SECONDS, Intake
from spanhouse_backend.ingest.cors import allow_browsers, stranger
from spanhouse_backend.ingest.heavy_work import uncollected
from spanhouse_backend.ingest.http_body import read_body
from spanhouse_backend.ingest.json_weight import MEMORY_FACTOR, check_reading
from spanhouse_backend.ingest.otlp_status import Refused
from spanhouse_backend.ingest.posted import Posted
from spanhouse_backend.ingest.signals import LOGS
from spanhouse_backend.ingest.weight import LOG_RECORD_BYTES
from spanhouse_backend.query.failures import failure, failure_of
from spanhouse_backend.query.query_http import texts_of
from spanhouse_backend.query.question import Parameter
from spanhouse_backend.store.rejection import Rejection

logger = logging.getLogger(__name__)

SERVICE = Parameter("service", "The service of the records that name none.")
PATHS = ("/api/v1/record", "/api/v1/events")
_BAD, _FORBIDDEN, _TOO_LARGE, _UNKNOWN_TYPE, _TOO_MUCH, _UNAVAILABLE = 400, 403, 413, 415, 429, 503
_GONE = 499  # nginx's; nobody reads it
# Reading this much takes a few milliseconds; more is done on a thread, so that the event loop goes on.
_INLINE_BYTES = 1 << 16
# What storing a request takes, for each of its bytes, is less than this: the most is for empty records, 900 for 13.
_MEMORY_FACTOR = 192


class SendingPages:
    """`app`, where pages of `cors_origins` may post to PATHS, as they may to OTLP's (ingest/cors.py).

    They may read what is answered to that, and nothing else: the rest of `app` is without CORS.
    """

    def __init__(self, app: ASGIApp, cors_origins: Sequence[str]) -> None:
        self._app = app
        self._open = allow_browsers(app, cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on; preflights are answered here."""
        posts = scope["type"] == "http" and scope["path"] in PATHS and scope["method"] in ("POST", "OPTIONS")
        await (self._open if posts else self._app)(scope, receive, send)


class Format(NamedTuple):
    """How bodies of one media type are read."""

    read: Callable[[bytes, Posted], None]
    """Notes what comes of a body. Raises MalformedData."""
    by_lines: bool = False
    """Whether one record is read at a time, and not all of them at once."""


class Posting(NamedTuple):
    """The way in, and whose web pages may use it."""

    intake: Intake
    cors_origins: Sequence[str]

    async def take(
        self, request: Request, service: str, formats: Mapping[str, Format], answer: Callable[[Posted], Response]
    ) -> Response:
        """What `answer` makes of a body in one of `formats`, by media type, when that is stored; or a refusal.

        `service` is that of the records which name none.
        """
        try:
            return answer(await self._taken(request, service, formats))
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except asyncio.CancelledError:
            # Only a server that stops cancels requests, when it has waited long enough. The task ends with this answer.
            return _later(_UNAVAILABLE, "the server stops", UNAVAILABLE_RETRY_SECONDS)
        except (SpanhouseError, Refused) as error:
            # For whoever watches the door from outside.
            request.state.problem = str(error)
            return _refusal(error)

    async def _taken(self, request: Request, service: str, formats: Mapping[str, Format]) -> Posted:
        if page := stranger(request.headers, self.cors_origins):
            raise Refused(
                _FORBIDDEN, f"a page of another origin ({page}) may not post here: --cors-origins names those that may"
            )
        media_type = request.headers.get("content-type", "")
        form = formats.get(media_type.partition(";")[0].strip().lower())
        if form is None:
            known = ", ".join(formats)
            raise Refused(
                _UNKNOWN_TYPE,
                f"the Content-Type is {media_type[:100]!r}; there are {known}",
                headers={"Accept-Post": known},
            )
        sender = "{}:{}".format(*request.client) if request.client else ""
        with self.intake.admission.claim(sender) as claim:
            posted, requests = await self._read(request, form, service, claim)
            rejections = await self._store(requests, claim)
            if refused := sum(rejection.records for rejection in rejections):
                posted.refused_by_time(self.intake.window(), refused, max(rejections).reason)
        return posted

    async def _store(self, requests: list[bytes], claim: Claim) -> list[Rejection]:
        """Returns when all are stored; raises when one is not, and sent again, those that are will be known."""
        # All of them have their outcome before any error is told: none is left behind.
        outcomes = await asyncio.gather(
            *(self.intake.take(LOGS, request, claim) for request in requests), return_exceptions=True
        )
        rejections = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            rejections.append(outcome)
        return rejections

    async def _read(self, request: Request, form: Format, service: str, claim: Claim) -> tuple[Posted, list[bytes]]:
        """What came of the body, and the requests to store; `claim` holds the larger of the two."""
        intake = self.intake
        most = intake.max_request_bytes if form.by_lines else min(intake.max_json_bytes, intake.max_request_bytes)
        body = await read_body(request, claim, most)
        posted = Posted(service, time.time_ns(), intake.max_insert_memory // _MEMORY_FACTOR)
        if len(body) <= _INLINE_BYTES:
            requests = _converted(body, form, posted)
        else:
            work = functools.partial(self._convert_large, body, form, posted)
            requests = await intake.heavy_work.run(claim, len(body), work)
        claim.hold(max(len(body), sum(map(len, requests))))
        return posted, requests

    def _convert_large(self, body: bytes, form: Format, posted: Posted) -> list[bytes]:
        intake = self.intake
        if form.by_lines:
            # What is noted of each line is more than the shortest lines.
            most = intake.max_insert_memory // LOG_RECORD_BYTES
            if body.count(b"\n") > most:
                raise TooLarge(f"more than {most} lines, which is the limit: send them in several requests")
        else:
            check_reading(body, MEMORY_FACTOR * intake.max_json_bytes, LOGS.records)
        # A quarter of the time of a body of lines, too, since what is noted of each stays.
        with uncollected():
            return _converted(body, form, posted)


def _converted(body: bytes, form: Format, posted: Posted) -> list[bytes]:
    form.read(body, posted)
    return [request.to_bytes() for request in posted.requests]


def parameters_of(request: Request, known: Sequence[Parameter]) -> dict[str, str]:
    """The parameters of a request's URL, which may be `known` ones. Raises InvalidQuestion for any other."""
    texts = texts_of(request)
    names = [parameter.name for parameter in known]
    for name in texts:
        if name not in names:
            raise InvalidQuestion(name[:100], f"no such parameter; there are {', '.join(sorted(names))}")
    return {parameter.name: texts.get(parameter.name) or parameter.default for parameter in known}


def _refusal(error: SpanhouseError | Refused) -> Response:
    if isinstance(error, Refused):
        response: Response = failure(error.status, error.message)
        response.headers.update(error.headers)
        return response
    if isinstance(error, Overloaded):
        return _later(_TOO_MUCH, str(error), math.ceil(error.retry_seconds))
    if isinstance(error, MalformedData):
        return failure(_BAD, str(error))
    if isinstance(error, TooLarge):
        return failure(_TOO_LARGE, str(error))
    if isinstance(error, StoreError):
        return _later(_UNAVAILABLE, str(error), UNAVAILABLE_RETRY_SECONDS)
    return failure_of(error)


def _later(status: int, message: str, seconds: int) -> Response:
    response = failure(status, message)
    response.headers["Retry-After"] = str(seconds)
    return response
