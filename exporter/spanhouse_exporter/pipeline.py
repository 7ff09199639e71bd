"""Chunks of encoded spans on their way out: a queue bounded by bytes, and the one worker that empties it.

Every span that is accepted is settled exactly once: exported, or dropped for a reason that is counted. The
worker is started by the first span and sleeps for good while there is nothing to do; a forked child starts
with an empty queue and its own worker, because the parent's spans are the parent's to send.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter, deque
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from spanhouse_exporter import envelope, status
from spanhouse_exporter.intake import CHUNK_SPANS, PARKED, Intake
from spanhouse_exporter.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanhouse_exporter.settings import ExporterSettings

_logger = logging.getLogger(__name__)

_CHUNK_OVERHEAD_BYTES = 200
"""What a waiting chunk costs beside its bytes: the bytes object, its tuple, its place in the queue."""


class Outcome(NamedTuple):
    """What became of one request."""

    ok: bool
    rejected: int = 0
    """Spans that the receiver refused although it took the request."""


class Sender(Protocol):
    """Delivers a request, or gives up in bounded time."""

    def warm_up(self) -> None:
        """Does early, on the worker, what would make the first request slow."""

    def send(self, request: bytes, give_up: float) -> Outcome:
        """Sends; `give_up` is a `time.monotonic` instant. Never raises."""

    def interrupt(self, give_up: float) -> None:
        """Brings the deadline of whatever is being sent forward; called from another thread."""

    def after_fork(self) -> None:
        """Forgets connections that belong to the parent process."""

    def close(self) -> None:
        """Closes connections."""


class _Chunk(NamedTuple):
    intake: Intake
    spans: bytes
    span_count: int


class Pipeline:
    """The way from finished spans to the receiver.

    Concurrency: `_lock` guards the queue and all counters and is held for a few instructions, never while
    encoding, sending or logging. Waiting for progress (`flush`) uses a condition on that lock, signalled
    whenever spans are settled.
    """

    def __init__(self, settings: ExporterSettings, resource: Callable[[], bytes], sender: Sender) -> None:
        self._settings = settings
        self._resource = resource
        self._sender = sender
        self._intakes: list[Intake] = []
        self._on_tick: list[Callable[[], None]] = []
        self._shut_down = False
        self._reset()
        self._worker = Worker(
            "spanhouse-export", self._warm_up, self._work, self._park, settings.schedule_delay_seconds
        )
        _live_pipelines.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._settled_some = threading.Condition(self._lock)
        self._queue: deque[_Chunk] = deque()
        self._queued_bytes = 0
        self._accepted = 0
        self._settled = 0
        self._exported = 0
        self._requests = 0
        self._failed_requests = 0
        self._dropped: Counter[str] = Counter()

    def intake(self, scope: bytes) -> Intake:
        """A new place to put finished spans of `scope` (from `envelope.scope_fields`)."""
        intake = Intake(self, scope)
        self._intakes.append(intake)
        return intake

    def on_tick(self, callback: Callable[[], None]) -> None:
        """Runs `callback` on the worker before each round of sending: work kept off the callers' path."""
        self._on_tick.append(callback)

    def accept(self, intake: Intake, spans: bytes, count: int) -> None:
        """Takes a chunk from an intake, or drops and counts it when the queue is full."""
        size = len(spans) + _CHUNK_OVERHEAD_BYTES
        with self._lock:
            self._accepted += count
            if self._shut_down or self._queued_bytes + size > self._settings.max_queue_bytes:
                self._drop(status.SHUTDOWN if self._shut_down else status.QUEUE_FULL, count)
                return
            self._queue.append(_Chunk(intake, spans, count))
            self._queued_bytes += size
            due = self._queued_bytes >= self._settings.max_batch_bytes // 2
        if intake.threshold == PARKED:
            self._unpark()
        elif due:
            self._worker.hurry()

    def count_overflow(self) -> None:
        """One span was shed before it reached the queue."""
        with self._lock:
            self._accepted += 1
            self._drop(status.QUEUE_FULL, 1)

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until every span finished before this call is settled; False when time ran out first."""
        give_up = monotonic() + timeout_seconds
        for intake in list(self._intakes):
            intake.carry(wait=True)
        with self._lock:
            goal = self._accepted
            if self._settled >= goal:
                return True
        self._worker.hurry()
        with self._settled_some:
            return self._settled_some.wait_for(lambda: self._settled >= goal, max(0.0, give_up - monotonic()))

    def shutdown(self, timeout_seconds: float) -> bool:
        """Flushes, then stops for good; spans still waiting are dropped and counted. False when any were."""
        give_up = monotonic() + timeout_seconds
        self._sender.interrupt(give_up)
        done = self.flush(timeout_seconds)
        with self._lock:
            self._shut_down = True
            while self._queue:
                self._drop(status.SHUTDOWN, self._queue.popleft().span_count)
            self._queued_bytes = 0
        self._worker.stop(max(0.0, give_up - monotonic()))
        self._sender.close()
        return done

    def status(self) -> status.ExporterStatus:
        """Counts as of now."""
        waiting = sum(len(intake.spans) for intake in self._intakes)
        with self._lock:
            return status.ExporterStatus(
                queued=self._accepted - self._settled + waiting,
                exported=self._exported,
                dropped=MappingProxyType(dict(self._dropped)),
                requests=self._requests,
                failed_requests=self._failed_requests,
            )

    def after_fork(self) -> None:
        """In the child: empty queues, new locks, no worker. Nothing is started here; the next span does that."""
        self._reset()
        for intake in self._intakes:
            intake.clear()
        self._worker.after_fork()
        self._sender.after_fork()

    def _drop(self, reason: str, count: int) -> None:
        """With the lock held."""
        self._dropped[reason] += count
        self._settle(count)

    def _settle(self, count: int) -> None:
        """With the lock held."""
        self._settled += count
        self._settled_some.notify_all()

    def _unpark(self) -> None:
        for intake in list(self._intakes):
            intake.threshold = CHUNK_SPANS
        self._worker.unpark()

    def _park(self) -> bool:
        """Called by the worker before it sleeps for good; False when a span came in the meantime.

        The thresholds fall first and the intakes are looked at afterwards: a span appended before that look
        is seen by it, one appended after it sees the low threshold and wakes the worker.
        """
        for intake in list(self._intakes):
            intake.threshold = PARKED
        return not self._queue and not any(intake.spans for intake in list(self._intakes))

    def _warm_up(self) -> None:
        self._sender.warm_up()
        self._resource()

    def _work(self) -> bool:
        """One round of the worker: carry, then send until nothing is left. True when there was anything."""
        for callback in self._on_tick:
            callback()
        for intake in list(self._intakes):
            intake.carry(wait=True)
        busy = False
        while batch := self._next_batch():
            busy = True
            self._send(batch)
        return busy

    def _next_batch(self) -> list[_Chunk]:
        batch: list[_Chunk] = []
        size = spans = 0
        with self._lock:
            while self._queue:
                chunk = self._queue[0]
                over_bytes = size + len(chunk.spans) > self._settings.max_batch_bytes
                over_spans = spans + chunk.span_count > self._settings.max_batch_spans
                if batch and (over_bytes or over_spans):
                    break
                batch.append(self._queue.popleft())
                size += len(chunk.spans)
                spans += chunk.span_count
                self._queued_bytes -= len(chunk.spans) + _CHUNK_OVERHEAD_BYTES
        return batch

    def _send(self, batch: list[_Chunk]) -> None:
        scopes: dict[Intake, list[bytes]] = {}
        for chunk in batch:
            scopes.setdefault(chunk.intake, []).append(chunk.spans)
        count = sum(chunk.span_count for chunk in batch)
        outcome = Outcome(ok=False)
        try:
            request = envelope.request(self._resource(), [(intake.scope, spans) for intake, spans in scopes.items()])
            outcome = self._sender.send(request, monotonic() + self._settings.timeout_seconds)
        except Exception:
            if not self._shut_down:  # then it is only the connection that was closed under the last attempt
                _logger.exception("spanhouse could not export %d spans", count)
        with self._lock:
            if outcome.ok:
                rejected = min(outcome.rejected, count)
                self._requests += 1
                self._exported += count - rejected
                if rejected:
                    self._dropped[status.REJECTED] += rejected
                self._settle(count)
            else:
                self._failed_requests += 1
                self._drop(status.EXPORT_FAILED, count)


# A child process must not keep its parent's queue or worker. Weak references, because a pipeline that a test
# or an application dropped must not live on for the sake of a fork that may never come.
_live_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()


def after_fork_in_child() -> None:
    """Resets every pipeline; registered for `os.fork`, and callable where a process forks without its hooks."""
    for pipeline in list(_live_pipelines):
        pipeline.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork_in_child)
