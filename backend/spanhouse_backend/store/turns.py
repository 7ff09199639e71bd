"""Who may run a statement now: a few at once, the others one after the other, each sender in turn."""

import asyncio

from spanhouse_backend.errors import Overloaded
from spanhouse_backend.fair_queue import FairQueue


class Turns:
    """`at_once` turns, and room for `waiting` who wait for one.

    For one event loop, and nothing here awaits but a future of its own: it needs no lock. A turn is given back once by
    whoever has it, and goes straight to the next who still waits, so none is lost and none is had twice.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = at_once
        self._room = waiting
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()

    async def take(self, sender: str) -> None:
        """Returns when it is this sender's turn: senders are served one after the other, whoever of them asks more.

        Raises Overloaded when too many wait.
        """
        if self._free:
            self._free -= 1
            return
        if len(self._queue) >= self._room:
            raise Overloaded(f"{self._room} statements wait already: try again later")
        turn = asyncio.get_running_loop().create_future()
        self._queue.put(sender, 1, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given in the same moment
                self.give_back()
            raise

    def give_back(self) -> None:
        """Ends a turn."""
        while self._queue:
            turn = self._queue.take()
            if not turn.done():  # else who waited was cancelled
                turn.set_result(None)
                return
        self._free += 1
