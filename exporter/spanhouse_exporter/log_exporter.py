"""`SpanhouseLogExporter`: our encoder, delivery and spool under the SDK's own log record processors.

`BatchLogRecordProcessor(SpanhouseLogExporter())`, `OTEL_LOGS_EXPORTER=spanhouse`, or `exporter: {spanhouse: {...}}`
in a declarative configuration. The processor is the queue: what is in it when a process ends is the processor's to
deliver; what the exporter was handed is delivered, in the spool or counted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from spanhouse_exporter import last_resort
from spanhouse_exporter.direct_export import SHUTDOWN_MILLIS, DirectExport
from spanhouse_exporter.log_encoder import LogEncoder
from spanhouse_exporter.settings import from_environment
from spanhouse_exporter.signals import LOGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

    from spanhouse_exporter.status import ExporterStatus

_OWN_SCOPE = LOGS.logger.name
"""Handlers of `logging` name the scope of a record after its logger."""


class SpanhouseLogExporter(LogRecordExporter):
    """Exports `ReadableLogRecord`s over OTLP/gRPC; any number of threads may do so at once.

    `endpoint` wins over `OTEL_EXPORTER_OTLP_[LOGS_]ENDPOINT`. What is logged about the export of logs is for other
    handlers, or for standard error: sent here it would be the cause of the next export.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        last_resort.show_on(LOGS.logger)
        self._direct = DirectExport(from_environment(os.environ, endpoint, LOGS), LogEncoder().request)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Sends `batch`, with retries, within the timeout; FAILURE after `shutdown`, or when any record was lost.
        Records in the spool are not lost.
        """
        records = [record for record in batch if not _is_our_own(record)]
        return LogRecordExportResult.SUCCESS if self._direct.export(records) else LogRecordExportResult.FAILURE

    def shutdown(self, timeout_millis: int = SHUTDOWN_MILLIS) -> None:
        """Gives running exports that long, and refuses further ones; what they cannot send goes to the spool."""
        self._direct.shutdown(timeout_millis)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Waits for running exports; False when `timeout_millis` passed first."""
        return self._direct.flush(timeout_millis)

    def status(self) -> ExporterStatus:
        """Counts of log records as of now."""
        return self._direct.status()


def _is_our_own(record: ReadableLogRecord) -> bool:
    scope = record.instrumentation_scope
    return scope is not None and scope.name == _OWN_SCOPE
