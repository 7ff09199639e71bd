"""The signals that can be exported, and what differs between them on the way out.

That is names only. OTLP gives the messages of all signals the same shape and the same field numbers above a span or a
log record (`resource_*`, `scope_*`, the items; the partial success of an answer), so that one set of modules frames,
counts, sends and spools them all; where these say "items", they mean spans or log records.
"""

import logging
from typing import Final, NamedTuple


class Signal(NamedTuple):
    """One kind of telemetry."""

    name: str
    """As in `OTEL_<NAME>_EXPORTER` and `OTEL_EXPORTER_OTLP_<NAME>_*`."""
    items: str
    """What there is many of, in log lines."""
    method: str
    """The gRPC method that takes its requests (OTLP, "OTLP/gRPC")."""
    processor: str
    """As in `OTEL_<PROCESSOR>_*`, the variables of its batch processor."""
    spool_folder: str
    """Below the spool's directory: a request's bytes do not say of which signal they are."""

    @property
    def logger(self) -> logging.Logger:
        """Where news of its requests are logged. One for each signal, so that the exporter of logs can tell what it
        has caused itself.
        """
        return logging.getLogger(f"spanhouse_exporter.{self.name}")


TRACES: Final = Signal(
    name="traces",
    items="spans",
    method="/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    processor="BSP",
    spool_folder="",
)
LOGS: Final = Signal(
    name="logs",
    items="log records",
    method="/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    processor="BLRP",
    spool_folder="logs",
)
