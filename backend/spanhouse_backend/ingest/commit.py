"""Group commit: what waits while an insert runs becomes the next insert, and all share its outcome.

An insert costs tens of milliseconds however small it is, so throughput is the size of the group. Under light
load a group is one request and nobody waits for company; under heavy load groups grow by themselves. A caller
hears of success only after the engine has committed, and a request that is sent again is answered with the outcome
of the first time: it is stored once.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from spanhouse_backend.errors import MalformedData, Overloaded, SpanhouseError
from spanhouse_backend.ingest.framing import join
from spanhouse_backend.ingest.recent import MAX_IDENTITIES, WINDOW_SECONDS, RecentIdentities

logger = logging.getLogger(__name__)

IDENTITY_BYTES = 16


class Inserter(Protocol):
    """What groups are handed to: the store, as far as ingest needs to know it."""

    async def insert_traces(self, body: bytes, identities: Sequence[bytes]) -> None:
        """Stores a group. Raises MalformedData, having stored nothing, or another StoreError, leaving it open."""

    async def recover(self) -> list[bytes]:
        """Settles what is open; the identities that turned out stored."""

    async def recent_identities(self, window_seconds: int, limit: int) -> list[bytes]:
        """What was stored last, newest first."""


class _Waiting(NamedTuple):
    framed: bytes
    identity: bytes
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
        self._under_way: dict[bytes, asyncio.Future[None]] = {}
        self._stored = RecentIdentities()
        self._bytes = 0  # accepted and not yet answered, those being inserted included
        self._runner: asyncio.Task[None] | None = None

    async def recover(self) -> None:
        """Before the first request: finishes what a killed process left, and learns what is stored already.

        Raises StoreUnavailable when the engine refuses.
        """
        await self._store.recover()
        newest_first = await self._store.recent_identities(WINDOW_SECONDS, MAX_IDENTITIES)
        self._stored.add(reversed(newest_first))

    async def commit(self, framed: bytes) -> None:
        """Returns when the request is stored, now or the last time it was sent.

        Raises MalformedData when it does not decode (its neighbours are stored all the same), Overloaded when too
        much is waiting, StoreUnavailable when the engine refuses.
        """
        identity = hashlib.blake2b(framed, digest_size=IDENTITY_BYTES).digest()
        if identity in self._stored:
            return
        outcome = self._under_way.get(identity)
        if outcome is None:
            outcome = self._accept(framed, identity)
        # Shielded: a caller that goes away must not take the outcome from others who sent the same request.
        await asyncio.shield(outcome)

    async def drain(self) -> None:
        """Waits until everything accepted so far has its outcome."""
        while self._runner is not None:
            await asyncio.shield(self._runner)

    def _accept(self, framed: bytes, identity: bytes) -> asyncio.Future[None]:
        if self._bytes + len(framed) > self._max_waiting_bytes:
            raise Overloaded(f"{self._bytes} bytes are waiting to be stored, and {self._max_waiting_bytes} may")
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(_seen)
        self._bytes += len(framed)
        self._under_way[identity] = outcome
        self._waiting.append(_Waiting(framed, identity, outcome))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="group commit")
        return outcome

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
            # An insert that failed half-way comes first: some of this group may be what it has stored.
            self._stored.add(await self._store.recover())
            known = [waiting for waiting in group if waiting.identity in self._stored]
            self._resolve(known, None)
            group = [waiting for waiting in group if waiting.identity not in self._stored]
            if not group:
                return
            identities = [waiting.identity for waiting in group]
            await self._store.insert_traces(join(waiting.framed for waiting in group), identities)
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
            self._stored.add(identities)
            self._resolve(group, None)

    def _resolve(self, group: list[_Waiting], error: Exception | None) -> None:
        for waiting in group:
            self._bytes -= len(waiting.framed)
            del self._under_way[waiting.identity]
            if error is None:
                waiting.outcome.set_result(None)
            else:
                waiting.outcome.set_exception(error)


def _seen(outcome: asyncio.Future[None]) -> None:
    """Marks an outcome as noticed, so that asyncio does not report one whose senders have all gone away."""
    if not outcome.cancelled():
        outcome.exception()
