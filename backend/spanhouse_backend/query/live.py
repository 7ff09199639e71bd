"""Who watches spans arrive: how many, from where on, and what has to be done in the engine meanwhile.

Nothing is done for those who watch but what they ask for themselves, each a poll at a time: who reads slowly polls less
often and is told how many spans he missed, and nothing piles up for him. While nobody watches, nothing is done at all.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from spanhouse_backend.errors import Overloaded, SpanhouseError
from spanhouse_backend.query.arrivals import Arrivals, ArrivalsAnswer, Beginning
from spanhouse_backend.query.engine import Engine, Fetches
from spanhouse_backend.query.filters import EVERYTHING
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.statements import statement

logger = logging.getLogger(__name__)

MAX_WATCHERS = 16
"""Each asks the engine twice a second."""
POLL_SECONDS = 0.5
# A poll that takes long is followed by a longer pause, so that all of them take a part of the engine's time.
_PAUSE_PER_POLL = 4
_LONGEST_PAUSE_SECONDS = 5.0
_PAUSE_AFTER_PROBLEM_SECONDS = 5.0
# Whoever comes back so soon, as browsers do by themselves, can go on where he was.
LINGER_SECONDS = 60.0


class Watch:
    """One who watches: `position` is the block up to which he has seen everything.

    `gap` when what arrived since he left cannot be told any more.
    """

    def __init__(self, reader: Reader, asked: Arrivals, position: int, closing: asyncio.Event, *, gap: bool) -> None:
        self.position = position
        self.gap = gap
        self._reader = reader
        self._asked = asked
        self._closing = closing
        self._pause = 0.0

    async def arrived(self) -> ArrivalsAnswer | None:
        """What has arrived since, after a pause; None when the server stops. Raises SpanhouseError."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._pause)
        if self._closing.is_set():
            return None
        clock = asyncio.get_running_loop().time
        begun = clock()
        self._pause = _PAUSE_AFTER_PROBLEM_SECONDS
        answer = await self._reader.ask(replace(self._asked, after=self.position))
        self._pause = min(max(POLL_SECONDS, _PAUSE_PER_POLL * (clock() - begun)), _LONGEST_PAUSE_SECONDS)
        self.position = answer.newest
        return answer


class Live:
    """All who watch. For one event loop.

    The lock is held while the engine changes one setting of one table, which waits for nobody who waits for the lock.
    Changes are carried out one after the other and to their end, also when who waits for one is cancelled, so the last
    one that was asked for is what holds.
    """

    def __init__(self, store: Fetches, reader: Reader, *, alone: bool = True) -> None:
        """With `alone`, nobody else watches the same tables: blocks need not be numbered when nobody does here."""
        self._engine = Engine(store)
        self._alone = alone
        self._reader = reader
        self._watchers = 0
        self._lock = asyncio.Lock()
        # The newest block when numbering began; None while blocks are not numbered.
        self._numbered_from: int | None = None
        self._lingering: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return self._watchers

    @contextlib.asynccontextmanager
    async def watching(self, asked: Arrivals, after: int | None) -> AsyncIterator[Watch]:
        """Somebody watches: from now on, or on from the block `after`.

        Raises Overloaded when MAX_WATCHERS do already, InvalidQuestion for a filter that cannot be read, StoreError.
        """
        if self._closing.is_set() or self._watchers >= MAX_WATCHERS:
            raise Overloaded(f"{MAX_WATCHERS} watch spans arrive already: try again later")
        self._watchers += 1
        try:
            newest = (await self._reader.ask(Beginning(where=asked.where))).newest
            numbered_from = await self._number()
            gap = after is not None and not numbered_from <= after <= newest
            position = max(newest, numbered_from) if after is None or gap else after
            yield Watch(self._reader, asked, position, self._closing, gap=gap)
        finally:
            self._watchers -= 1
            if not self._watchers:
                if self._lingering is not None:
                    self._lingering.cancel()
                self._lingering = asyncio.create_task(self._linger(), name="live")

    async def tidy(self) -> None:
        """Before anybody watches: a server that was killed, or backed up, while somebody did left blocks numbered."""
        if self._alone:
            (found,) = await self._engine.rows(statement("blocks_numbered.sql"))
            if found["numbered"]:
                await self._leave()

    def stop(self) -> None:
        """Ends every watch, and lets nobody begin another: before the server waits for its connections to end."""
        self._closing.set()

    async def close(self) -> None:
        """After all have ended: leaves the engine as it was. It must still be open."""
        self.stop()
        if self._lingering is not None:
            await self._lingering

    async def _number(self) -> int:
        """Makes sure that blocks are numbered; from which on they are."""
        async with self._lock:
            if self._numbered_from is None:
                await self._engine.change(statement("number_blocks.sql"))
                self._numbered_from = (await self._reader.ask(Beginning(where=EVERYTHING))).newest
            return self._numbered_from

    async def _linger(self) -> None:
        """Waits until nobody has watched for LINGER_SECONDS, or the server stops; then numbers blocks no more."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LINGER_SECONDS)
        async with self._lock:
            if self._watchers or not self._alone:
                return
            self._numbered_from = None
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self._engine.change(statement("leave_blocks.sql"))
        except SpanhouseError as error:
            # Merges then cost more, until the next one who watches is gone.
            logger.warning("cannot stop numbering inserts", extra={"problem": str(error)})
