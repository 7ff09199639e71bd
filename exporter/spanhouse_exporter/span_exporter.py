"""`SpanhouseExporter`: our encoder and sender under the SDK's own span processors.

For programs that keep the SDK's provider: `BatchSpanProcessor(SpanhouseExporter())`, `OTEL_TRACES_EXPORTER=spanhouse`,
or `exporter: {spanhouse: {...}}` in a declarative configuration.
"""

from __future__ import annotations

import os
import threading
from time import monotonic
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanhouse_exporter.readable_encoder import ReadableEncoder
from spanhouse_exporter.sender import GrpcSender
from spanhouse_exporter.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_SHUTDOWN_SECONDS = 1.0


class SpanhouseExporter(SpanExporter):
    """Exports `ReadableSpan`s over OTLP/gRPC.

    `endpoint` wins over `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`. Concurrency: exports are one at a time under
    `_lock`, because processors exist that do not see to that themselves; `shutdown` does not take it, so that it can
    cut a running export short.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._settings = from_environment(os.environ, endpoint)
        self._encoder = ReadableEncoder()
        self._sender = GrpcSender(self._settings)
        self._lock = threading.Lock()
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends `spans` as one request, with retries, within the timeout; FAILURE after `shutdown`."""
        if self._closed:
            return SpanExportResult.FAILURE
        if not spans:
            return SpanExportResult.SUCCESS
        request = self._encoder.request(spans)
        with self._lock:
            outcome = self._sender.send(request, monotonic() + self._settings.timeout_seconds)
        return SpanExportResult.SUCCESS if outcome.ok else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Gives a running export one more second, and refuses further ones."""
        if self._closed:
            return
        self._closed = True
        self._sender.interrupt(monotonic() + _SHUTDOWN_SECONDS)
        if self._lock.acquire(timeout=2 * _SHUTDOWN_SECONDS):
            self._lock.release()
        self._sender.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Waits for a running export; False when `timeout_millis` passed first."""
        if not self._lock.acquire(timeout=timeout_millis / 1000):
            return False
        self._lock.release()
        return True
