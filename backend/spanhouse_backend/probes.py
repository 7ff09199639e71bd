"""Whether the server is alive, and whether it can be used: GET /healthz and GET /readyz, for whoever keeps it running.

Alive means that it answers; ready means that the store answers too. They are plain text, because the tools that ask
look at the status and people at the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from spanhouse_backend.errors import StoreError

# Whoever asks asks again soon, and a late answer is not a ready one.
READY_SECONDS = 5.0


def probe_routes(ask_store: Callable[[], Awaitable[object]]) -> list[BaseRoute]:
    """The two routes; `ask_store` returns when the store answers and raises StoreError when it does not."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await ask_store()
        except StoreError as error:
            return PlainTextResponse(f"not ready: {error}\n", 503)
        except TimeoutError:
            return PlainTextResponse(f"not ready: the store does not answer within {READY_SECONDS:.0f} seconds\n", 503)
        return PlainTextResponse("ready\n")

    return [Route("/healthz", alive), Route("/readyz", ready)]
