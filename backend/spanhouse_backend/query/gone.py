"""Work that stops when the client that it is done for goes away."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

from spanhouse_backend.errors import ClientGone, SpanhouseError

T = TypeVar("T")


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled, and ClientGone raised, when the client goes away, or when this task is.

    Whichever of the two tasks ends first, the other is cancelled and waited for, so none outlives the request.
    """
    answering = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientGone("the client went away")
        return answering.result()
    finally:
        for task in (answering, watching):
            task.cancel()
            with suppress(asyncio.CancelledError, SpanhouseError):
                await task


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
