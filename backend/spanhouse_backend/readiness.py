"""Whether spans can be stored now: asked once a second, and put right as soon as it can be.

A load balancer sends nothing to a server that is not ready, so no request would ever find out that it is ready again:
whoever says so has to try for himself. He finishes an insert that failed half-way, or writes what the disk would not
have last time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from spanhouse_backend.errors import StoreError
from spanhouse_backend.ingest.commit import GroupCommitter
from spanhouse_backend.store.store import Store

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
# Whoever asks asks again soon, and a late answer is not a ready one.
ANSWER_SECONDS = 5.0


class Readiness:
    """Whether `store` takes spans, and the task that makes it take them again.

    The task waits for the store and for its own clock only, and is cancelled when the server stops; what it waits for
    (GroupCommitter.settle, Store.try_writing) goes on to its end even then.
    """

    def __init__(self, store: Store, committer: GroupCommitter) -> None:
        self._store = store
        self._committer = committer
        self.ready = True

    async def problem(self) -> str:
        """What keeps spans from being stored; '' when nothing does. Tries nothing."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._store.check()
        except StoreError as error:
            return str(error)
        except TimeoutError:
            return f"the store does not answer within {ANSWER_SECONDS:.0f} seconds"
        return ""

    async def watch(self, changed: Callable[[bool], Awaitable[None]]) -> None:
        """Until cancelled: puts right what can be, and calls `changed` whenever `ready` has changed."""
        while True:
            problem = await self._mend() or await self.problem()
            if self.ready != (not problem):
                self.ready = not problem
                await changed(self.ready)
                if problem:
                    logger.error("spans cannot be stored", extra={"problem": problem})
                else:
                    logger.info("spans can be stored again")
            await asyncio.sleep(CHECK_SECONDS)

    async def _mend(self) -> str:
        try:
            await self._store.look_around()
            await self._committer.settle()
            await self._store.try_writing()
        except StoreError as error:
            return str(error)
        return ""
