"""The tables and views, and the order in which they come to be.

Each object is one statement in a file of sql/schema/, numbered so that what it reads or fills exists before it:
the landing view comes last, so no span can flow into half a schema.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple


class Statement(NamedTuple):
    """One statement and what it makes, in words for an error message."""

    makes: str
    sql: str


# (what it makes, file), in the order of dependency.
_SCHEMA = (
    ("the otel_traces table", "010_otel_traces.sql"),
    ("the otel_traces_trace_id_ts table", "020_otel_traces_trace_id_ts.sql"),
    ("the otel_traces_trace_id_ts view", "021_otel_traces_trace_id_ts_mv.sql"),
    ("the span_durations_1m table", "030_span_durations_1m.sql"),
    ("the span_durations_1h table", "032_span_durations_1h.sql"),
    ("the span_durations_1h view", "033_span_durations_1h_mv.sql"),
    ("the span_durations_1m view", "031_span_durations_1m_mv.sql"),
    ("the span_stats_1m table", "040_span_stats_1m.sql"),
    ("the span_stats_1h table", "042_span_stats_1h.sql"),
    ("the span_stats_1h view", "043_span_stats_1h_mv.sql"),
    ("the span_stats_1m view", "041_span_stats_1m_mv.sql"),
    ("the spanhouse_batches table", "050_spanhouse_batches.sql"),
    ("the spanhouse_rejected table", "060_spanhouse_rejected.sql"),
    ("the otlp_spans table", "080_otlp_spans.sql"),
    ("the otel_traces view", "081_otel_traces_mv.sql"),
    ("the spanhouse_rejected view", "082_spanhouse_rejected_mv.sql"),
    ("the otlp_traces_landing table", "090_otlp_traces_landing.sql"),
    ("the otlp_spans view", "091_otlp_spans_mv.sql"),
)


def statements() -> Iterator[Statement]:
    """The whole schema, each statement safe to run again."""
    folder = files("spanhouse_backend.store") / "sql" / "schema"
    for makes, name in _SCHEMA:
        yield Statement(makes, (folder / name).read_text(encoding="utf-8"))


def query_text(name: str) -> str:
    """One of the store's own statements, by file name in sql/."""
    return (files("spanhouse_backend.store") / "sql" / name).read_text(encoding="utf-8")


def landing_schema() -> AbstractContextManager[Path]:
    """The protobuf schema that ClickHouse decodes requests with, as a file for as long as it is needed."""
    return as_file(files("spanhouse_proto") / "landing.proto")
