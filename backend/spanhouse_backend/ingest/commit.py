"""Group commit: what waits while an insert runs becomes the next insert, and all share its outcome.

An insert costs tens of milliseconds however small it is, so throughput is the size of the group. Under light
load a group is one request and nobody waits for company; under heavy load groups grow by themselves. A caller
hears of success only after the engine has committed.
"""

import asyncio
import logging
from collections import deque
from typing import NamedTuple, Protocol

from spanhouse_backend.errors import MalformedData, Overloaded, SpanhouseError
from spanhouse_backend.ingest.framing import join

logger = logging.getLogger(__name__)


class Inserter(Protocol):
    """What a group is handed to; raises MalformedData or another StoreError, and then has stored nothing."""

    async def insert_traces(self, body: bytes) -> None: ...  # noqa: D102


class _Waiting(NamedTuple):
    framed: bytes
    outcome: asyncio.Future[None]


class GroupCommitter:
    """Collects framed requests and inserts them in groups, one insert at a time.

    Everything but the insert itself runs on one event loop, so there is no lock to deadlock on. Every request
    accepted is either in `_waiting` or in the group being inserted, and `_run` ends only when both are empty,
    so each caller's future is always resolved and none is lost.
    """

    def __init__(self, store: Inserter, *, max_group_bytes: int, max_waiting_bytes: int) -> None:
        self._store = store
        self._max_group_bytes = max_group_bytes
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0  # accepted and not yet answered, those being inserted included
        self._runner: asyncio.Task[None] | None = None

    async def commit(self, framed: bytes) -> None:
        """Returns when the request is stored.

        Raises MalformedData when it does not decode (its neighbours are stored all the same), Overloaded when too
        much is waiting, StoreUnavailable when the engine refuses.
        """
        if self._bytes + len(framed) > self._max_waiting_bytes:
            raise Overloaded(f"{self._bytes} bytes are waiting to be stored, and {self._max_waiting_bytes} may")
        waiting = _Waiting(framed, asyncio.get_running_loop().create_future())
        self._bytes += len(framed)
        self._waiting.append(waiting)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="group commit")
        await waiting.outcome

    async def drain(self) -> None:
        """Waits until everything accepted so far has its outcome."""
        while self._runner is not None:
            await asyncio.shield(self._runner)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._insert(self._next_group())
        finally:
            # No await between finding nothing waiting and here, so no request can slip in unserved.
            self._runner = None

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = len(group[0].framed)
        while self._waiting and size + len(self._waiting[0].framed) <= self._max_group_bytes:
            group.append(self._waiting.popleft())
            size += len(group[-1].framed)
        return group

    async def _insert(self, group: list[_Waiting]) -> None:
        """Inserts a group; when it does not decode, halves it until the guilty requests stand alone."""
        try:
            await self._store.insert_traces(join(waiting.framed for waiting in group))
        except MalformedData as error:
            if len(group) == 1:
                self._resolve(group, error)
                return
            middle = len(group) // 2
            await self._insert(group[:middle])
            await self._insert(group[middle:])
        except SpanhouseError as error:
            self._resolve(group, error)
        except Exception as error:
            # A bug of ours must still answer everyone who waits.
            logger.exception("group commit failed")
            self._resolve(group, error)
        else:
            self._resolve(group, None)

    def _resolve(self, group: list[_Waiting], error: Exception | None) -> None:
        for waiting in group:
            self._bytes -= len(waiting.framed)
            if waiting.outcome.done():  # the client went away meanwhile; its spans are stored all the same
                continue
            if error is None:
                waiting.outcome.set_result(None)
            else:
                waiting.outcome.set_exception(error)
