"""Chunks of encoded spans, or log records, on their way out: a queue bounded by bytes, and the worker that empties it.

Every item that is accepted is settled exactly once: exported, spooled, or dropped for a reason that is counted. Of
which signal a pipeline is, its settings say; it sees bytes. The worker is started by the first item and sleeps for good
while there is nothing to do; a forked child starts with an empty queue and its own worker, because the parent's items
are the parent's to send.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter, defaultdict, deque
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

from spanhouse_exporter import process_end, status
from spanhouse_exporter.batch import Batch, Chunk, ResourceIntake
from spanhouse_exporter.delivery import Delivery, Outcome, open_spool
from spanhouse_exporter.intake import CHUNK_ITEMS, LARGE_ITEM_BYTES, PARKED, Intake
from spanhouse_exporter.status import Flow
from spanhouse_exporter.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanhouse_exporter.delivery import Flight
    from spanhouse_exporter.sender import Sender
    from spanhouse_exporter.settings import ExporterSettings

_SPOOL_SHARE, _MOST_SPOOL_SECONDS = 0.3, 1.0
"""The part of a shutdown's time, and the most of it, kept for writing to the spool what could not be sent."""
_LAST_WRITE_SECONDS = 1.0
"""How much longer than asked for a shutdown takes at most, for a file that a slow disk has not taken yet."""


class Pipeline:
    """The way from finished items to the receiver.

    Concurrency: `lock` guards the queue and all counters and is held for a few instructions, never while
    encoding, sending or logging; a thread that makes items calls nothing while it holds it (see `Intake`). A batch is
    in `_open` until somebody claims it, and only the claimant settles it. Waiting for progress (`flush`) uses a
    condition on that lock, signalled whenever items are settled.
    """

    def __init__(self, settings: ExporterSettings, resource: Callable[[], bytes], sender: Sender) -> None:
        self._settings = settings
        self.exit_seconds: float = settings.exit_seconds
        self._resource = resource
        self._delivery = Delivery(settings, sender, open_spool(settings))
        # A chunk must fit a request and the queue, whatever they were set to.
        most = settings.max_queue_items or CHUNK_ITEMS
        self.chunk_items: int = min(
            CHUNK_ITEMS, settings.max_batch_items, most, max(1, settings.max_queue_bytes // (2 * LARGE_ITEM_BYTES))
        )
        self._intakes: list[Intake] = []
        self._on_tick: list[Callable[[], None]] = []
        self._shut_down = False
        self._reset()
        self._worker = Worker(
            "spanhouse-export", self._warm_up, self._work, self._park, settings.schedule_delay_seconds
        )
        _live_pipelines.add(self)
        if settings.self_metrics:
            from spanhouse_exporter import self_metrics  # noqa: PLC0415 - rarely asked for

            self_metrics.observe_pipeline(self, settings)
        if settings.flush_on_sigterm:
            process_end.deliver_on_sigterm(_shut_all_down)

    def _reset(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self._settled_some = threading.Condition(self.lock)
        self._queue: deque[Chunk] = deque()
        self._open: set[Batch] = set()
        self._queued_bytes = self._queued_items = 0
        self._accepted = self._settled = 0
        self._exported = self._spooled = self._replayed = 0
        self._requests = self._failed_requests = 0
        # By reason: what never came into the queue, and what was lost behind it.
        self._refused: defaultdict[str, int] = defaultdict(int)
        self._dropped: defaultdict[str, int] = defaultdict(int)
        self._ends_with_process = False

    def intake(self, scope: bytes, resource: bytes | None = None) -> Intake:
        """A new place to put finished items of `scope` (from `envelope.scope_fields`), and of `resource` (from
        `envelope.resource_fields`) when they are not of the pipeline's own.
        """
        intake = Intake(self, scope) if resource is None else ResourceIntake(self, scope, resource)
        self._intakes.append(intake)
        return intake

    def on_tick(self, callback: Callable[[], None]) -> None:
        """Runs `callback` on the worker before each round of sending: work kept off the callers' path."""
        self._on_tick.append(callback)

    def accept(self, intake: Intake, piece: list[bytes], items: bytes) -> None:
        """Moves a piece of an intake, joined to `items`, into the queue, or drops and counts it when that is full.
        Nothing happens when another thread has done so.
        """
        settings, pieces, count = self._settings, intake.pieces, len(piece)
        chunk = Chunk(intake, items, count)
        size, most_items = chunk.size, settings.max_queue_items
        too_large = len(items) > settings.max_request_bytes  # one item: chunks of several are cut long before
        due = False
        with self.lock:  # no calls: see Intake
            if not pieces or pieces[0] is not piece:
                return
            del pieces[:1]
            if self._shut_down:
                self._refused[status.SHUTDOWN] += count
            elif too_large:
                self._refused[status.TOO_LARGE] += count
            elif self._queued_bytes + size > settings.max_queue_bytes or (
                most_items is not None and self._queue and self._queued_items + count > most_items
            ):
                self._refused[status.QUEUE_FULL] += count
            else:
                self._accepted += count
                self._queue += (chunk,)
                self._queued_bytes += size
                self._queued_items += count
                due = (
                    self._queued_bytes >= settings.max_batch_bytes // 2
                    or self._queued_items >= settings.max_batch_items
                )
        if intake.threshold == PARKED:
            self._unpark()
        elif due:
            self._worker.hurry()

    def hurry(self) -> None:
        """Has all that was put before this call sent now rather than after the delay; does not wait for it."""
        self._worker.hurry()  # whose round begins with carrying

    def is_worker(self, thread: int) -> bool:
        """Whether the thread of that ident is the one that sends."""
        return thread == self._worker.ident

    def count_broken(self) -> None:
        """One item could not be encoded."""
        with self.lock:
            self._refused[status.ENCODING_FAILED] += 1

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until every item finished before this call is settled; False when time ran out first."""
        give_up = monotonic() + timeout_seconds
        for intake in list(self._intakes):
            intake.carry()
        with self.lock:
            goal = self._accepted
            if self._settled >= goal:
                return True
        self._worker.hurry()
        with self._settled_some:
            return self._settled_some.wait_for(lambda: self._settled >= goal, max(0.0, give_up - monotonic()))

    def shutdown(self, timeout_seconds: float) -> bool:
        """Delivers, then stops for good. What is not delivered when most of the time is over goes to the spool; what
        does not get there either is dropped and counted, and the answer is False.
        """
        give_up = monotonic() + timeout_seconds
        spool_for = min(_SPOOL_SHARE * timeout_seconds, _MOST_SPOOL_SECONDS)
        send_until = give_up - spool_for
        self._delivery.end(send_until)
        with self.lock:
            lost_before = self._given_up()
        in_time = self._worker.running and self.flush(send_until - monotonic())
        for intake in list(self._intakes):
            intake.carry()
        with self.lock:
            self._shut_down = True
            lost = self._given_up() - lost_before
            while self._next_batch():
                pass
            left = list(self._open)
            self._open.clear()  # behind the queue: a second shutdown must not find these again
        # However late sending has ended on a machine with no time for us, the share of the spool begins only now.
        give_up = max(give_up, monotonic() + spool_for)
        lost_late = sum(batch.item_count for batch in left if not self._keep(batch, give_up))
        # What is still not settled the worker has claimed, and is writing to the spool: it is not cut off in that.
        last_write = max(0.0, give_up - monotonic()) + _LAST_WRITE_SECONDS
        with self._settled_some:
            self._settled_some.wait_for(lambda: self._settled >= self._accepted, last_write)
            lost_late += self._accepted - self._settled
        self._delivery.close()
        self._worker.stop(max(0.0, give_up - monotonic()))
        if not in_time:  # else what was lost late is of threads that have run on since
            lost += lost_late
        if lost:
            signal = self._settings.signal
            signal.logger.warning("spanhouse: %d %s were not delivered in time and are dropped", lost, signal.items)
        return not lost

    def status(self) -> status.ExporterStatus:
        """Counts as of now."""
        waiting = sum(intake.waiting for intake in list(self._intakes))
        with self.lock:  # no calls: see Intake
            refused, dropped = {**self._refused}, {**self._dropped}
            queued = self._accepted - self._settled + waiting
            exported, spooled, replayed = self._exported, self._spooled, self._replayed
            requests, failed_requests = self._requests, self._failed_requests
        return status.ExporterStatus(
            queued=queued,
            exported=exported,
            dropped=MappingProxyType(self._delivery.with_pushed_out(Counter(refused) + Counter(dropped))),
            requests=requests,
            failed_requests=failed_requests,
            spooled=spooled,
            replayed=replayed,
        )

    def flow(self) -> Flow:
        """What has passed which point, as of now."""
        waiting = sum(intake.waiting for intake in list(self._intakes))
        with self.lock:
            flow = Flow(
                queued=waiting + self._queued_items,
                capacity=self._settings.max_queue_items,
                processed=self._accepted - self._queued_items,
                refused=dict(self._refused),
                in_flight=sum(batch.item_count for batch in self._open),
                exported=self._exported + self._replayed,
                failed=dict(self._dropped),
            )
        # After the lock, not in it: tests/exporter/test_held_locks.py says why.
        return flow._replace(failed={reason: count for reason, count in flow.failed.items() if count})

    def time_operations(self, observe: Callable[[float, str], None]) -> None:
        """From now on each request that was settled is reported, as to `Delivery.observe`."""
        self._delivery.observe = observe

    def after_fork(self) -> None:
        """In the child: empty queues, new locks, no worker. Nothing is started here; the next item does that."""
        self._reset()
        for intake in self._intakes:
            intake.clear()
        self._worker.after_fork()
        self._delivery.after_fork()

    def _drop(self, reason: str, count: int) -> None:
        """With the lock held."""
        self._dropped[reason] += count
        self._settle(count)

    def _given_up(self) -> int:
        """With the lock held: items that nobody has refused, lost all the same."""
        return self._dropped[status.SHUTDOWN] + self._dropped[status.SPOOL_FAILED]

    def _settle(self, count: int) -> None:
        """With the lock held."""
        self._settled += count
        self._settled_some.notify_all()

    def _unpark(self) -> None:
        if not self._ends_with_process:
            self._ends_with_process = True
            process_end.before_exit(self)
        for intake in list(self._intakes):
            intake.threshold = self.chunk_items
        self._worker.unpark()

    def _park(self) -> bool:
        """Called by the worker before it sleeps for good; False when an item came in the meantime.

        The thresholds fall first and the intakes are looked at afterwards: an item appended before that look
        is seen by it, one appended after it sees the low threshold and wakes the worker.
        """
        for intake in list(self._intakes):
            intake.threshold = PARKED
        return not self._queue and not any(intake.waiting for intake in list(self._intakes))

    def _warm_up(self) -> None:
        self._delivery.warm_up()
        self._resource()

    def _work(self) -> bool:
        """One round of the worker: carry, then send until nothing is left. True when there is more to come."""
        for callback in self._on_tick:
            callback()
        for intake in list(self._intakes):
            intake.carry()
        busy = False
        sent: deque[tuple[Batch, Flight]] = deque()
        while True:
            while len(sent) < self._settings.max_in_flight and (batch := self._next_batch()):
                sent.append((batch, self._delivery.begin(batch.request(self._resource))))
            if not sent:
                break
            busy = True
            self._finish(*sent.popleft())
        replayed = self._delivery.replay(lambda: not self._queue)
        if replayed:
            with self.lock:
                self._replayed += replayed
        return busy or self._delivery.away

    def _next_batch(self) -> Batch | None:
        chunks: list[Chunk] = []
        size = items = 0
        with self.lock:
            while self._queue:
                chunk = self._queue[0]
                over_bytes = size + len(chunk.items) > self._settings.max_batch_bytes
                over_items = items + chunk.item_count > self._settings.max_batch_items
                if chunks and (over_bytes or over_items):
                    break
                chunks.append(self._queue.popleft())
                size += len(chunk.items)
                items += chunk.item_count
                self._queued_bytes -= chunk.size
                self._queued_items -= chunk.item_count
            if not chunks:
                return None
            batch = Batch(chunks)
            self._open.add(batch)
        return batch

    def _finish(self, batch: Batch, flight: Flight) -> None:
        """Waits for the answer, and settles the batch unless a shutdown has taken it over meanwhile."""
        outcome = self._delivery.finish(flight)
        with self.lock:
            if batch not in self._open:
                return
            self._open.discard(batch)
        if outcome.reason == status.TOO_LARGE and (halves := batch.halves()):
            for half in halves:
                with self.lock:
                    self._open.add(half)
                self._finish(half, self._delivery.begin(half.request(self._resource)))
            return
        if outcome.undelivered:
            outcome = self._delivery.keep(flight.request, outcome.message)
        self._count(batch, outcome)

    def _keep(self, batch: Batch, give_up: float) -> bool:
        """Spools a batch that nobody else will settle any more."""
        outcome = Outcome(reason=status.SHUTDOWN)
        if monotonic() < give_up:
            outcome = self._delivery.keep(batch.request(self._resource), "the process is ending")
        self._count(batch, outcome)
        return outcome.spooled

    def _count(self, batch: Batch, outcome: Outcome) -> None:
        count = batch.item_count
        with self.lock:
            if outcome.pushed_out:
                self._dropped[status.SPOOL_FULL] += outcome.pushed_out
            if outcome.ok:
                rejected = min(outcome.rejected, count)
                self._requests += 1
                self._exported += count - rejected
                if rejected:
                    self._dropped[status.REJECTED] += rejected
                self._settle(count)
            else:
                self._failed_requests += 1
                if outcome.spooled:
                    self._spooled += count
                    self._settle(count)
                else:
                    self._drop(outcome.reason, count)


# A child process must not keep its parent's queue or worker. Weak references, because a pipeline that a test
# or an application dropped must not live on for the sake of a fork that may never come.
_live_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()


def _shut_all_down() -> None:
    for pipeline in list(_live_pipelines):
        pipeline.shutdown(pipeline.exit_seconds)


_process = os.getpid()
"""Whose pipelines these are, as far as anybody has noticed."""


def after_fork_in_child() -> None:
    """Resets every pipeline; registered for `os.fork`, and callable where a process forks without its hooks."""
    global _process  # noqa: PLW0603 - a process is one
    _process = os.getpid()
    for pipeline in list(_live_pipelines):
        pipeline.after_fork()


def notice_fork() -> None:
    """The same, where this is another process than the last one to be noticed: once, whoever asks first, because what
    has been put since is the child's own.
    """
    if os.getpid() != _process:
        after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork_in_child)
