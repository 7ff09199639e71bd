"""Group commit: what waits while an insert runs becomes the next insert, and all share its outcome.

An insert costs tens of milliseconds however small it is, so throughput is the size of the group. After a pause
a request is inserted at once; in a trickle small ones linger for company, for a stated time at most; under heavy
load groups grow by themselves, and two are inserted side by side. A group is of one signal, since each lands in a table
of its own, and the signals take turns. A caller hears of success only after the engine has committed, and a request
that is sent again is answered with the outcome of the first time: it is stored once.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

from spanhouse_backend.errors import MalformedData, SpanhouseError, StoreUnavailable
from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.fair_queue import FairQueue
from spanhouse_backend.ingest.framing import ANY_TIME, Framed, Window, join
from spanhouse_backend.ingest.recent import MAX_IDENTITIES, WINDOW_SECONDS, RecentRequests
from spanhouse_backend.ingest.signals import Signal
from spanhouse_backend.store.landing import Landing
from spanhouse_backend.store.rejection import NOTHING, Contested, Rejection
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

_SECOND_NS = 1_000_000_000
# Inserts side by side, of all signals together: what the store has threads for.
INSERTS_AT_ONCE = 2
# A second insert of the same signal begins only for this much: what little waits is better off joining the next group.
SECOND_INSERT_BYTES = 4 * 1024 * 1024
# What is inserted without lingering: some 1,000 spans, whose own cost is near that of an insert itself.
UNHURRIED_BYTES = 256 * 1024
# After how long requests that another server is storing are asked for again: an insert takes about as long.
HELD_SECONDS = (0.05, 0.25)


class Limits(NamedTuple):
    """What may join, in bytes, and when records may be made, in seconds before and after now (0: any time).

    `max_insert_memory` is what the engine may take for one group, as framing estimates it; `linger_seconds` is how long
    after an insert a small group may wait for company.
    """

    max_group_bytes: int
    max_insert_memory: int
    max_span_age_seconds: int = 0
    max_span_ahead_seconds: int = 0
    linger_seconds: float = 0.0


class Inserter(Protocol):
    """What groups are handed to: the store, as far as ingest needs to know it."""

    async def insert(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """Stores a group of requests that land in the same table; what each request came to.

        Raises MalformedData or Contested, having stored nothing, or another StoreError, leaving it open.
        """

    async def recover(self) -> dict[bytes, Rejection] | None:
        """Settles one group that is open; its requests, which turned out stored. None when nothing is open."""

    async def recent(self, window_seconds: int, limit: int) -> list[tuple[bytes, Rejection]]:
        """What was stored last, newest first."""


class _Waiting(NamedTuple):
    request: Framed
    claim: Claim
    outcome: asyncio.Future[Rejection]


class _Sent(NamedTuple):
    """What is remembered of a request while it is open: its signal's name and how many records are in it."""

    signal: str
    records: int


class _Lane:
    """What waits of one signal, and the tasks that insert it."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.waiting: FairQueue[_Waiting] = FairQueue()
        self.waiting_bytes = 0
        self.runners: set[asyncio.Task[None]] = set()
        self.last_insert = -math.inf  # when one ended, on the loop's clock
        self.hurry = asyncio.Event()  # set when there is enough to insert, or no time for more

    @property
    def wants_a_runner(self) -> bool:
        """One is always needed for what waits, and a second one for much of it."""
        enough = len(self.runners) < INSERTS_AT_ONCE
        return enough and (not self.runners or self.waiting_bytes >= SECOND_INSERT_BYTES)

    @property
    def runner_goes_on(self) -> bool:
        """Whether there is more for a runner to do: of two, the second stays for much only."""
        return bool(self.waiting) and (len(self.runners) == 1 or self.waiting_bytes >= SECOND_INSERT_BYTES)


class GroupCommitter:
    """Collects framed requests and inserts them in groups, up to INSERTS_AT_ONCE side by side.

    Everything but the inserts themselves runs on one event loop, so there is no lock to deadlock on. Every request
    accepted is either in a lane or in a group being inserted, and a lane's last runner ends only when nothing waits in
    it, so each caller's future is always resolved and none is lost. A runner holds one of the turns to insert while it
    inserts, which ends, and waits for nothing else that needs one; turns are given in the order in which runners ask,
    so a signal with little to store waits for one insert of each of the others' runners at most, those of other
    stores that share the turns included.
    """

    def __init__(
        self, store: Inserter, limits: Limits, watcher: Watcher | None = None, turns: asyncio.Semaphore | None = None
    ) -> None:
        """`turns` are INSERTS_AT_ONCE that committers of several stores share; without, it has them to itself."""
        self._store = store
        self._limits = limits
        self._watcher = watcher or Watcher()
        self._lanes: dict[Signal, _Lane] = {}
        self._turns = turns or asyncio.Semaphore(INSERTS_AT_ONCE)
        self._under_way: dict[bytes, asyncio.Future[Rejection]] = {}
        self._stored = RecentRequests()
        # Of groups that are being inserted or were left half-way, by request: recovering these stores them.
        self._open: dict[bytes, _Sent] = {}
        self._settling: asyncio.Task[None] | None = None
        self._held: set[asyncio.Task[None]] = set()  # each has requests that another server is storing
        self._draining = False

    async def recover(self) -> None:
        """Before the first request: finishes what a killed process left, and learns what is stored already.

        A disk that is full keeps nobody from reading: what cannot be finished now stays open until `settle` succeeds.
        Raises StoreUnavailable when the engine does not even read.
        """
        try:
            await self.settle()
        except StoreUnavailable as error:
            logger.warning("an insert of an earlier process cannot be finished yet", extra={"problem": str(error)})
        newest_first = await self._store.recent(WINDOW_SECONDS, MAX_IDENTITIES)
        self._stored.add(dict(reversed(newest_first)))

    async def settle(self) -> None:
        """Finishes an insert that failed half-way, if one did. Raises StoreUnavailable while the engine refuses.

        All who ask at once wait for one task, and whoever stops waiting does not stop it: what it finds stored is
        always noted here before anything else is inserted, so nothing is stored again. It waits for nobody but the
        store, which answers.
        """
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle_open(), name="settle")
            self._settling.add_done_callback(_seen)
        await asyncio.shield(self._settling)

    @property
    def waiting_requests(self) -> int:
        """Requests accepted and not yet answered, those being inserted included."""
        return len(self._under_way)

    async def commit(self, request: Framed, claim: Claim) -> Rejection:
        """Returns when the request is stored, now or the last time it was sent: what was refused of it.

        `claim` is what it holds, kept for as long as it is here. Raises MalformedData when it does not decode (its
        neighbours are stored all the same), Overloaded when too much is waiting, StoreUnavailable when the engine
        refuses.
        """
        if not request:
            return NOTHING
        known = self._stored.outcome(request.identity)
        if known is not None:
            self._watcher.repeated()
            return known
        outcome = self._under_way.get(request.identity)
        if outcome is None:
            outcome = self._accept(request, claim)
        else:
            self._watcher.repeated()
        try:
            # Shielded: a caller that goes away must not take the outcome from others who sent the same request.
            return await asyncio.shield(outcome)
        finally:
            # An outcome that is an error knows this frame. If the frame knew it too, all that the frame holds would
            # stay in memory until Python's collector comes to it.
            del outcome

    def window(self) -> Window:
        """When records may be made that are inserted now; those of another time are refused."""
        age, ahead = self._limits.max_span_age_seconds, self._limits.max_span_ahead_seconds
        if not age and not ahead:
            return ANY_TIME
        now = time.time_ns()
        return Window(max(0, now - age * _SECOND_NS) if age else 0, now + ahead * _SECOND_NS if ahead else 0)

    async def drain(self) -> None:
        """Waits until everything accepted so far has its outcome; nothing lingers any more."""
        self._draining = True
        for lane in self._lanes.values():
            lane.hurry.set()
        while under_way := self._held.union(*(lane.runners for lane in self._lanes.values())):
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)

    def _accept(self, request: Framed, claim: Claim) -> asyncio.Future[Rejection]:
        claim.hold(max(claim.held_bytes, request.held_bytes))
        claim.keep()
        outcome: asyncio.Future[Rejection] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(_seen)
        self._under_way[request.identity] = outcome
        self._watcher.received(request.signal.name, request.records)
        self._queue(_Waiting(request, claim, outcome))
        return outcome

    def _queue(self, waiting: _Waiting) -> None:
        signal, size = waiting.request.signal, waiting.request.size
        lane = self._lanes.get(signal)
        if lane is None:
            lane = self._lanes[signal] = _Lane(signal)
        lane.waiting.put(waiting.claim.sender, size, waiting)
        lane.waiting_bytes += size
        if lane.waiting_bytes >= UNHURRIED_BYTES:
            lane.hurry.set()
        if lane.wants_a_runner:
            lane.runners.add(asyncio.create_task(self._run(lane), name=f"group commit of {signal.name}"))

    async def _run(self, lane: _Lane) -> None:
        try:
            while lane.runner_goes_on:
                await self._linger(lane)
                async with self._turns:
                    # What was waited for may have gone with the other runner's group.
                    if group := self._next_group(lane):
                        await self._insert(group)
                        lane.last_insert = asyncio.get_running_loop().time()
        finally:
            # No await between finding nothing to do and here, so no request can slip in unserved.
            lane.runners.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _linger(self, lane: _Lane) -> None:
        """Gives a small group time for company: an insert costs as much for one span as for a thousand."""
        rest = lane.last_insert + self._limits.linger_seconds - asyncio.get_running_loop().time()
        if rest <= 0 or self._draining or lane.waiting_bytes >= UNHURRIED_BYTES:
            return
        lane.hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lane.hurry.wait(), rest)

    def _next_group(self, lane: _Lane) -> list[_Waiting]:
        """What fits into one insert, in the order of whose turn it is; nothing only when nothing waits."""
        group: list[_Waiting] = []
        size = memory = 0
        while lane.waiting:
            request = lane.waiting.next.request
            memory += request.engine_bytes
            over = size + request.size > self._limits.max_group_bytes or memory > self._limits.max_insert_memory
            if group and over:
                break
            size += request.size
            group.append(lane.waiting.take())
        lane.waiting_bytes -= size
        return group

    async def _insert(self, group: list[_Waiting]) -> None:
        """Inserts a group; when it does not decode, halves it until the guilty requests stand alone."""
        try:
            # An insert that failed half-way comes first: some of this group may be what it has stored.
            await self.settle()
            group = self._answer_known(group)
            if not group:
                return
            requests = [waiting.request for waiting in group]
            identities = [request.identity for request in requests]
            self._open |= {one.identity: _Sent(one.signal.name, one.records) for one in requests}
            begun = time.perf_counter()
            outcomes = await self._store.insert(requests[0].signal.landing, join(requests, self.window()), identities)
        except MalformedData as error:
            if len(group) == 1:
                self._refuse(group, error)
                return
            middle = len(group) // 2
            await self._insert(group[:middle])
            await self._insert(group[middle:])
        except Contested as error:
            await self._give_way(group, error)
        except SpanhouseError as error:
            self._refuse(group, error)
        except Exception as error:
            # A bug of ours must still answer everyone who waits.
            logger.exception("group commit failed")
            self._refuse(group, error)
        else:
            self._stored.add(outcomes)
            self._report(group, outcomes, time.perf_counter() - begun)
            for waiting in group:
                self._answered(waiting).set_result(outcomes[waiting.request.identity])

    async def _give_way(self, group: list[_Waiting], contested: Contested) -> None:
        """Answers what another server has stored, inserts what is free, and comes back to what it is storing.

        What is held waits on a task of its own, so that nothing else waits for it. The task sleeps once and puts its
        requests back into the queue, and `drain` waits for it: none is lost.
        """
        self._stored.add(contested.stored)
        left = self._answer_known(group)
        held = [waiting for waiting in left if waiting.request.identity in contested.held]
        if held:
            task = asyncio.create_task(self._come_back(held), name="held requests")
            self._held.add(task)
            task.add_done_callback(self._held.discard)
        if free := [waiting for waiting in left if waiting.request.identity not in contested.held]:
            await self._insert(free)

    async def _come_back(self, held: list[_Waiting]) -> None:
        # Two servers that gave way to each other must not meet again.
        await asyncio.sleep(random.uniform(*HELD_SECONDS))  # noqa: S311 - nothing depends on nobody guessing it
        for waiting in held:
            self._queue(waiting)

    async def _settle_open(self) -> None:
        try:
            while (recovered := await self._store.recover()) is not None:
                self._stored.add(recovered)
                self._report_recovered(recovered)
            # Nothing is left half-way; what was refused before it began is not stored, and need not be kept in mind.
            self._open = {one: sent for one, sent in self._open.items() if one in self._under_way}
        finally:
            self._settling = None

    def _answer_known(self, group: list[_Waiting]) -> list[_Waiting]:
        """Answers what is stored already; the others."""
        unknown = []
        for waiting in group:
            rejection = self._stored.outcome(waiting.request.identity)
            if rejection is None:
                unknown.append(waiting)
            else:
                self._answered(waiting).set_result(rejection)
        return unknown

    def _report(self, group: list[_Waiting], outcomes: dict[bytes, Rejection], seconds: float) -> None:
        signal = group[0].request.signal.name
        for rejection in outcomes.values():
            self._report_rejected(signal, rejection)
        records = sum(waiting.request.records for waiting in group) - sum(
            rejection.records for rejection in outcomes.values()
        )
        size = sum(waiting.request.size for waiting in group)
        self._watcher.inserted(signal, len(group), records, size, seconds)

    def _report_recovered(self, recovered: dict[bytes, Rejection]) -> None:
        """Of what another process had begun nobody here knows how much it is: its tables do."""
        stored: Counter[str] = Counter()
        for identity, rejection in recovered.items():
            if sent := self._open.get(identity):
                self._report_rejected(sent.signal, rejection)
                stored[sent.signal] += sent.records - rejection.records
        self._watcher.recovered(len(recovered), stored)

    def _report_rejected(self, signal: str, rejection: Rejection) -> None:
        if rejection.records:
            self._watcher.rejected(signal, rejection.records, rejection.reason)

    def _refuse(self, group: list[_Waiting], error: Exception) -> None:
        for waiting in group:
            self._answered(waiting).set_exception(error)

    def _answered(self, waiting: _Waiting) -> asyncio.Future[Rejection]:
        waiting.claim.release()
        return self._under_way.pop(waiting.request.identity)


def _seen(outcome: asyncio.Future[Any]) -> None:
    """Marks an outcome as noticed, so that asyncio does not report one whose askers have all gone away."""
    if not outcome.cancelled():
        outcome.exception()
