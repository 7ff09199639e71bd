"""Who may run a statement now: a few at once, the others one after the other, each sender in turn."""

import asyncio
from collections import OrderedDict, deque

from spanhouse_backend.errors import Overloaded


class Turns:
    """`at_once` turns, and room for `waiting` who wait for one.

    For one event loop, and nothing here awaits but a future of its own: it needs no lock. A turn is given back once by
    whoever has it, and goes straight to the next who waits, so none is lost and none is had twice.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = at_once
        self._room = waiting
        # By sender, the one who is next first; of each those who wait, in order.
        self._senders: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, sender: str) -> None:
        """Returns when it is this sender's turn: senders are served one after the other, whoever of them asks more.

        Raises Overloaded when too many wait.
        """
        if self._free:
            self._free -= 1
            return
        if sum(map(len, self._senders.values())) >= self._room:
            raise Overloaded(f"{self._room} statements wait already: try again later")
        turn = asyncio.get_running_loop().create_future()
        self._senders.setdefault(sender, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given in the same moment
                self.give_back()
            else:
                self._forget(sender, turn)
            raise

    def give_back(self) -> None:
        """Ends a turn."""
        if not self._senders:
            self._free += 1
            return
        sender, waiting = self._senders.popitem(last=False)
        waiting.popleft().set_result(None)
        if waiting:
            self._senders[sender] = waiting  # behind all others

    def _forget(self, sender: str, turn: asyncio.Future[None]) -> None:
        waiting = self._senders[sender]
        waiting.remove(turn)
        if not waiting:
            del self._senders[sender]
