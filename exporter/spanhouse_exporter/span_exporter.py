"""`SpanhouseExporter`: our encoder, delivery and spool under the SDK's own span processors.

For programs that keep the SDK's provider: `BatchSpanProcessor(SpanhouseExporter())`, `OTEL_TRACES_EXPORTER=spanhouse`,
or `exporter: {spanhouse: {...}}` in a declarative configuration.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spanhouse_exporter.direct_export import SHUTDOWN_MILLIS, DirectExport
from spanhouse_exporter.readable_encoder import ReadableEncoder
from spanhouse_exporter.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from spanhouse_exporter.settings import ExporterSettings
    from spanhouse_exporter.status import ExporterStatus


class SpanhouseExporter(SpanExporter):
    """Exports `ReadableSpan`s over OTLP/gRPC; any number of threads may do so at once.

    `endpoint` wins over `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self.settings: ExporterSettings = from_environment(os.environ, endpoint)
        """Read once, when it is made."""
        self._direct = DirectExport(self.settings, ReadableEncoder().request)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends `spans`, with retries, within the timeout; FAILURE after `shutdown`, or when any span was lost. Spans
        in the spool are not lost.
        """
        return SpanExportResult.SUCCESS if self._direct.export(spans) else SpanExportResult.FAILURE

    def shutdown(self, timeout_millis: int = SHUTDOWN_MILLIS) -> None:
        """Gives running exports that long, and refuses further ones; what they cannot send goes to the spool."""
        self._direct.shutdown(timeout_millis)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Waits for running exports; False when `timeout_millis` passed first."""
        return self._direct.flush(timeout_millis)

    def status(self) -> ExporterStatus:
        """Counts as of now."""
        return self._direct.status()
