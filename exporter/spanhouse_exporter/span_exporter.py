"""`SpanhouseExporter`: our encoder, delivery and spool under the SDK's own span processors.

For programs that keep the SDK's provider: `BatchSpanProcessor(SpanhouseExporter())`, `OTEL_TRACES_EXPORTER=spanhouse`,
or `exporter: {spanhouse: {...}}` in a declarative configuration.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanhouse_exporter import status
from spanhouse_exporter.delivery import Delivery, Outcome, open_spool
from spanhouse_exporter.readable_encoder import ReadableEncoder
from spanhouse_exporter.sender import GrpcSender
from spanhouse_exporter.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from spanhouse_exporter.settings import ExporterSettings

_SHUTDOWN_MILLIS = 1_000
_REPLAY_SECONDS = 1.0
"""The longest that one export stays to deliver what is in the spool."""


class SpanhouseExporter(SpanExporter):
    """Exports `ReadableSpan`s over OTLP/gRPC.

    `endpoint` wins over `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`. Concurrency: any number of threads may export at
    once, as some processors do; `_idle` guards the counters, and is waited on until no export is running.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        settings = from_environment(os.environ, endpoint)
        self.settings: ExporterSettings = settings
        """Read once, when it is made."""
        self._encoder = ReadableEncoder()
        self._delivery = Delivery(settings, GrpcSender(settings), open_spool(settings))
        self._closed = False
        self._reset()
        _live_exporters.add(self)

    def _reset(self) -> None:
        self._idle = threading.Condition()
        self._running = 0
        self._exported = self._spooled = self._replayed = 0
        self._requests = self._failed_requests = 0
        self._dropped: Counter[str] = Counter()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends `spans`, with retries, within the timeout; FAILURE after `shutdown`, or when any span was lost. Spans
        in the spool are not lost.
        """
        if not spans:
            return SpanExportResult.SUCCESS
        with self._idle:
            if self._closed:
                self._dropped[status.SHUTDOWN] += len(spans)
                return SpanExportResult.FAILURE
            self._running += 1
        try:
            give_up = monotonic() + self.settings.timeout_seconds
            delivered = self._send(spans, give_up)
            until = monotonic() + _REPLAY_SECONDS
            replayed = self._delivery.replay(lambda: monotonic() < until)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
        with self._idle:
            self._replayed += replayed
        return SpanExportResult.SUCCESS if delivered else SpanExportResult.FAILURE

    def shutdown(self, timeout_millis: int = _SHUTDOWN_MILLIS) -> None:
        """Gives running exports that long, and refuses further ones; what they cannot send goes to the spool."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
        self._delivery.end(monotonic() + timeout_millis / 1000)
        self.force_flush(timeout_millis)
        # What still waits for an answer is cut short here, and its exporting thread spools it.
        self._delivery.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
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

    def after_fork(self) -> None:
        """In the child: nothing is running."""
        self._reset()
        self._delivery.after_fork()

    def _send(self, spans: Sequence[ReadableSpan], give_up: float) -> bool:
        request = self._encoder.request(spans)
        many = len(spans) > 1
        if many and len(request) > self.settings.max_batch_bytes:
            return self._send_halves(spans, give_up)
        if len(request) > self.settings.max_request_bytes:
            return self._count(len(spans), Outcome(reason=status.TOO_LARGE))
        outcome = self._delivery.deliver(request, give_up - monotonic())
        if many and outcome.reason == status.TOO_LARGE:
            return self._send_halves(spans, give_up)
        return self._count(len(spans), outcome)

    def _send_halves(self, spans: Sequence[ReadableSpan], give_up: float) -> bool:
        middle = len(spans) // 2
        first = self._send(spans[:middle], give_up)
        return self._send(spans[middle:], give_up) and first

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
            self._dropped = +self._dropped  # without the reasons that have not occurred
        return outcome.ok or outcome.spooled


_live_exporters: weakref.WeakSet[SpanhouseExporter] = weakref.WeakSet()


def _after_fork() -> None:
    for exporter in list(_live_exporters):
        exporter.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
