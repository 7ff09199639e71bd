"""Items -> receiver in the thread that asks for it: what our exporters do under the SDK's own processors.

One call encodes, sends with retries until the timeout, spools what nobody took, and then stays a moment to deliver
what is in the spool. It never raises, and every item is counted once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from spanhouse_exporter import status
from spanhouse_exporter.delivery import Delivery, Outcome, open_spool
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.sender import GrpcSender
from spanhouse_exporter.status import Flow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanhouse_exporter.settings import ExporterSettings

SHUTDOWN_MILLIS = 1_000
_REPLAY_SECONDS = 1.0
"""The longest that one export stays to deliver what is in the spool."""
Item = TypeVar("Item")


class DirectExport(Generic[Item]):
    """Exports to one receiver; `encode` makes one request of some items.

    Concurrency: any number of threads may export at once, as some processors do; `_idle` guards the counters, is held
    for a few instructions, and is waited on until no export is running.
    """

    def __init__(self, settings: ExporterSettings, encode: Callable[[Sequence[Item]], bytes]) -> None:
        self._settings = settings
        self._encode = encode
        self._notices = Notices(settings.signal.logger)
        self._delivery = Delivery(settings, GrpcSender(settings), open_spool(settings))
        self._closed = False
        self._reset()
        _live.add(self)
        if settings.self_metrics:
            from spanhouse_exporter import self_metrics  # noqa: PLC0415 - rarely asked for

            self_metrics.observe_exporter(self, settings)

    def _reset(self) -> None:
        self._idle = threading.Condition()
        self._running = 0
        self._in_flight = 0
        self._exported = self._spooled = self._replayed = 0
        self._requests = self._failed_requests = 0
        self._dropped: Counter[str] = Counter()

    def export(self, items: Sequence[Item]) -> bool:
        """Sends `items`, with retries, within the timeout; False after `shutdown`, or when any was lost. What is in the
        spool is not lost.
        """
        if not items:
            return True
        with self._idle:
            if self._closed:
                self._dropped[status.SHUTDOWN] += len(items)
                return False
            self._running += 1
            self._in_flight += len(items)
        replayed = 0
        try:
            delivered = self._send(items, monotonic() + self._settings.timeout_seconds)
            until = monotonic() + _REPLAY_SECONDS
            replayed = self._delivery.replay(lambda: monotonic() < until)
        finally:
            with self._idle:
                self._running -= 1
                self._in_flight -= len(items)
                self._replayed += replayed
                self._idle.notify_all()
        return delivered

    def shutdown(self, timeout_millis: float) -> None:
        """Gives running exports that long, and refuses further ones; what they cannot send goes to the spool."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
        self._delivery.end(monotonic() + timeout_millis / 1000)
        self.flush(timeout_millis)
        # What still waits for an answer is cut short here, and its exporting thread spools it.
        self._delivery.close()

    def flush(self, timeout_millis: float) -> bool:
        """Waits for running exports; False when `timeout_millis` passed first."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout_millis / 1000)

    def status(self) -> status.ExporterStatus:
        """Counts as of now."""
        with self._idle:
            return status.ExporterStatus(
                exported=self._exported,
                dropped=MappingProxyType(self._delivery.with_pushed_out(self._dropped)),
                requests=self._requests,
                failed_requests=self._failed_requests,
                spooled=self._spooled,
                replayed=self._replayed,
            )

    def flow(self) -> Flow:
        """What has passed through, as of now; nothing is ever queued here."""
        dropped = self._delivery.with_pushed_out(self._dropped)
        refused = dropped.pop(status.SHUTDOWN, 0)
        failed = {reason: count for reason, count in dropped.items() if count}
        with self._idle:
            return Flow(
                queued=0,
                capacity=None,
                processed=0,
                refused={status.SHUTDOWN: refused} if refused else {},
                in_flight=self._in_flight,
                exported=self._exported + self._replayed,
                failed=failed,
            )

    def time_operations(self, observe: Callable[[float, str], None]) -> None:
        """From now on each request that was settled is reported, as to `Delivery.observe`."""
        self._delivery.observe = observe

    def after_fork(self) -> None:
        """In the child: nothing is running."""
        self._reset()
        self._delivery.after_fork()

    def _send(self, items: Sequence[Item], give_up: float) -> bool:
        many = len(items) > 1
        try:
            request = self._encode(items)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an item, the others go out
            if many:
                return self._send_halves(items, give_up)
            what = self._settings.signal.items
            self._notices.warning("item", "spanhouse: some %s cannot be encoded and are dropped: %r", what, error)
            return self._count(1, Outcome(reason=status.ENCODING_FAILED))
        if many and len(request) > self._settings.max_batch_bytes:
            return self._send_halves(items, give_up)
        if len(request) > self._settings.max_request_bytes:
            return self._count(len(items), Outcome(reason=status.TOO_LARGE))
        outcome = self._delivery.deliver(request, give_up - monotonic())
        if many and outcome.reason == status.TOO_LARGE:
            return self._send_halves(items, give_up)
        return self._count(len(items), outcome)

    def _send_halves(self, items: Sequence[Item], give_up: float) -> bool:
        middle = len(items) // 2
        first = self._send(items[:middle], give_up)
        return self._send(items[middle:], give_up) and first

    def _count(self, count: int, outcome: Outcome) -> bool:
        with self._idle:
            self._requests += outcome.ok
            self._failed_requests += not outcome.ok
            if outcome.ok:
                rejected = min(outcome.rejected, count)
                self._exported += count - rejected
                self._dropped[status.REJECTED] += rejected
            elif outcome.spooled:
                self._spooled += count
                self._dropped[status.SPOOL_FULL] += outcome.pushed_out
            else:
                self._dropped[outcome.reason] += count
        return outcome.ok or outcome.spooled


_live: weakref.WeakSet[DirectExport[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for export in list(_live):
        export.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
