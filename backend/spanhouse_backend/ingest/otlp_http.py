"""The OTLP/HTTP door: POST /v1/traces and its like, in protobuf or JSON, to the same commit that OTLP/gRPC ends in.

JSON becomes protobuf bytes first, so a request is stored the same whichever way it came. Every answer that is not a
success is a google.rpc.Status in the request's encoding; what may be sent again says when.
"""

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from spanhouse_backend.errors import MalformedData, Overloaded, StoreError, TooLarge
from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.answer import UNAVAILABLE_RETRY_SECONDS, Intake
from spanhouse_backend.ingest.cors import allow_browsers
from spanhouse_backend.ingest.heavy_work import uncollected
from spanhouse_backend.ingest.http_body import read_body
from spanhouse_backend.ingest.json_weight import MEMORY_FACTOR, check_reading
from spanhouse_backend.ingest.otlp_json import BadField
from spanhouse_backend.ingest.otlp_status import BAD_DATA, Encoding, Refused
from spanhouse_backend.ingest.signals import SIGNALS, Signal

logger = logging.getLogger(__name__)

OTHER_SIGNALS = ("/v1development/profiles",)
# Converting this much JSON takes a few milliseconds; more is done on a thread, so that the event loop goes on.
_INLINE_JSON_BYTES = 1 << 16

Export = Callable[[Request, Encoding], Awaitable[Response]]


def otlp_routes(intake: Intake, cors_origins: Sequence[str]) -> list[BaseRoute]:
    """The OTLP paths, passing each request to `intake` and answering when that returns.

    Pages of `cors_origins` (see allow_browsers) may send from a browser.
    """
    exports: dict[str, Export] = {signal.path: _Signal(signal, intake).export for signal in SIGNALS}
    exports |= dict.fromkeys(OTHER_SIGNALS, _not_taken_in)
    return [Route(path, allow_browsers(_Door(export), cors_origins)) for path, export in exports.items()]


class _Signal:
    def __init__(self, signal: Signal, intake: Intake) -> None:
        self._signal = signal
        self._intake = intake

    async def export(self, request: Request, encoding: Encoding) -> Response:
        sender = "{}:{}".format(*request.client) if request.client else ""
        with self._intake.admission.claim(sender) as claim:
            body = await self._protobuf(request, encoding, claim)
            rejection = await self._intake.take(self._signal, body, claim)
        return encoding.response(self._signal.response(rejection))

    async def _protobuf(self, request: Request, encoding: Encoding, claim: Claim) -> bytes:
        intake = self._intake
        if encoding is Encoding.PROTOBUF:
            return await read_body(request, claim, intake.max_request_bytes)
        body = await read_body(request, claim, min(intake.max_json_bytes, intake.max_request_bytes))
        if len(body) <= _INLINE_JSON_BYTES:
            return self._signal.from_json(body)
        # JSON takes many times its size while it is converted: one large request at a time.
        convert = functools.partial(_convert_large, self._signal, body, MEMORY_FACTOR * intake.max_json_bytes)
        return await intake.heavy_work.run(claim, len(body), convert)


def _convert_large(signal: Signal, body: bytes, max_memory: int) -> bytes:
    check_reading(body, max_memory, signal.records)
    with uncollected():
        return signal.from_json(body)


async def _not_taken_in(request: Request, _encoding: Encoding) -> Response:
    taken_in = ", ".join(signal.path for signal in SIGNALS)
    raise Refused(404, f"{request.url.path} is not taken in here; {taken_in} are")


class _Door:
    """The application that asks `export`, and turns its errors into answers.

    A class, because a route hands every method to one, and 405 has to be in OTLP's words too.
    """

    def __init__(self, export: Export) -> None:
        self._export = export

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        encoding = Encoding.of(request.headers.get("content-type", ""))
        try:
            response = await _answer(request, encoding, self._export)
        except ClientDisconnect:
            return
        except Refused as refused:
            # For whoever watches the door from outside.
            request.state.problem = refused.message
            # JSON for those who ask in what we do not speak: it can at least be read.
            response = refused.response(encoding or Encoding.JSON)
        except asyncio.CancelledError:
            # Only a server that stops cancels requests, when it has waited long enough. The task ends with this answer.
            stopping = Refused(503, "the server stops", retry_after_seconds=UNAVAILABLE_RETRY_SECONDS)
            response = stopping.response(encoding or Encoding.JSON)
        await response(scope, receive, send)


async def _answer(request: Request, encoding: Encoding | None, export: Export) -> Response:
    """What `export` answers; Refused for everything that goes wrong, and ClientDisconnect."""
    if request.method != "POST":
        raise Refused(405, f"{request.method} is not for {request.url.path}; POST is", headers={"Allow": "POST"})
    if encoding is None:
        known = ", ".join(encoding.value for encoding in Encoding)
        given = request.headers.get("content-type", "")[:100]
        raise Refused(415, f"the Content-Type is {given!r}; there are {known}", headers={"Accept-Post": known})
    try:
        return await export(request, encoding)
    except BadField as error:
        raise Refused(BAD_DATA, str(error), field=error.path) from error
    except MalformedData as error:
        raise Refused(BAD_DATA, str(error)) from error
    except Overloaded as error:
        raise Refused(429, str(error), retry_after_seconds=math.ceil(error.retry_seconds)) from error
    except TooLarge as error:
        raise Refused(413, str(error)) from error
    except StoreError as error:
        raise Refused(503, str(error), retry_after_seconds=UNAVAILABLE_RETRY_SECONDS) from error
    except (Refused, ClientDisconnect):
        raise
    except Exception as error:
        # A bug of ours must still answer in OTLP's words.
        logger.exception("OTLP/HTTP failed")
        raise Refused(500, f"a bug in spanhouse: {type(error).__name__}") from error
