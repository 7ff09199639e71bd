"""Where requests land: a `Null` table for each kind of request, and the message by which the engine decodes it."""

from typing import NamedTuple


class Landing(NamedTuple):
    """A table that requests are inserted into, and what one row of it is in the protobuf schema."""

    table: str
    message: str


TRACES = Landing("otlp_traces_landing", "ResourceSpans")
LOGS = Landing("otlp_logs_landing", "ResourceLogs")
METRICS = Landing("otlp_metrics_landing", "ResourceMetrics")
LANDINGS = {landing.table: landing for landing in (TRACES, LOGS, METRICS)}
"""By table."""
