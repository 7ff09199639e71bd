"""Whether the server is alive, and whether it can be used: GET /healthz and GET /readyz, for whoever keeps it running.

Alive means that it answers; ready means that spans can be stored and questions answered. They are plain text, because
the tools that ask look at the status and people at the rest.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


def probe_routes(problem: Callable[[], Awaitable[str]]) -> list[BaseRoute]:
    """The two routes; `problem` says what keeps the server from being of use, '' when nothing does."""

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        in_the_way = await problem()
        return PlainTextResponse(f"not ready: {in_the_way}\n", 503) if in_the_way else PlainTextResponse("ready\n")

    return [Route("/healthz", alive), Route("/readyz", ready)]
