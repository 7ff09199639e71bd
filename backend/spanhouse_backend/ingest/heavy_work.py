"""Work on large requests that Python itself does, on a thread: one at a time, in fair order.

Two at once would gain nothing, since they share one interpreter, and would take twice the memory; and the event loop
would have a third of the interpreter where it now has half. Senders take turns by bytes, so whoever sends large
requests one after the other waits behind the others, and not they behind all of those.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.fair_queue import FairQueue

Result = TypeVar("Result")


@contextmanager
def uncollected() -> Iterator[None]:
    """For heavy work that parses a large document: the garbage collector is off.

    A parsed document is millions of objects and no cycle: looking for one, again and again while it grows, would take
    as long as the work and stop every thread. One work at a time, so nobody else turns it on meanwhile.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class HeavyWork:
    """The turns. For one event loop.

    Whoever has the turn waits for nothing but its thread, which takes no lock, and passes the turn on when that is
    done, however it ends: so it cannot deadlock, and no turn is lost.
    """

    def __init__(self) -> None:
        self._busy = False
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()

    async def run(self, claim: Claim, size: int, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises, on a thread, when it is its turn: it is about `size` bytes of `claim`.

        A thread cannot be stopped: when the caller goes away, its turn and its claim last until the work is done.
        """
        await self._turn(claim.sender, size)
        claim.keep()
        done = asyncio.get_running_loop().run_in_executor(None, work)
        done.add_done_callback(lambda _: self._pass_on(claim))
        return await asyncio.shield(done)

    async def _turn(self, sender: str, size: int) -> None:
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.put(sender, size, turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():  # it came while we were being cancelled
                    self._next()
                raise
        self._busy = True

    def _pass_on(self, claim: Claim) -> None:
        claim.release()
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
