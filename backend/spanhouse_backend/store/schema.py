"""The tables and views, and the order in which they come to be.

Each object is one statement in a file of sql/schema/, numbered so that what it reads or fills exists before it:
the landing view comes last, so no span can flow into half a schema. There are two kinds. Stored tables hold data, and
once made only a migration changes them. Views and Null tables hold nothing, so they are made anew whenever their text
changes; each carries a mark, a checksum of its text, in its comment.
"""

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from spanhouse_backend.store.landing import LANDINGS, TRACES

MARK_PREFIX = "spanhouse "
"""What every mark begins with: the comment of a table or view that may be dropped and made anew."""
_STATELESS = re.compile(r"^(CREATE MATERIALIZED VIEW |ENGINE = Null$)", re.MULTILINE)


class Statement(NamedTuple):
    """One statement, the table or view it makes, and that in words for an error message."""

    makes: str
    name: str
    sql: str

    @property
    def stateless(self) -> bool:
        """Whether what it makes holds nothing."""
        return _STATELESS.search(self.sql) is not None

    @property
    def mark(self) -> str:
        """Tells this text from any other."""
        # A landing table goes together with the protobuf schema that requests are decoded with.
        text = self.sql + (landing_schema() if self.name in LANDINGS else "")
        return MARK_PREFIX + checksum(text)


# (what it makes, file), in the order of dependency.
_SCHEMA = (
    ("the spanhouse_migrations table", "001_spanhouse_migrations.sql"),
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
    ("the spanhouse_inflight table", "070_spanhouse_inflight.sql"),
    ("the spanhouse_rules table", "071_spanhouse_rules.sql"),
    ("the spanhouse_rule_claims table", "072_spanhouse_rule_claims.sql"),
    ("the otlp_spans table", "080_otlp_spans.sql"),
    ("the otel_traces view", "081_otel_traces_mv.sql"),
    ("the spanhouse_rejected view", "082_spanhouse_rejected_mv.sql"),
    ("the otel_logs table", "110_otel_logs.sql"),
    ("the otlp_logs table", "180_otlp_logs.sql"),
    ("the otel_logs view", "181_otel_logs_mv.sql"),
    ("the spanhouse_rejected_logs view", "182_spanhouse_rejected_logs_mv.sql"),
    ("the otlp_logs_landing table", "190_otlp_logs_landing.sql"),
    ("the otlp_logs view", "191_otlp_logs_mv.sql"),
    ("the otel_metrics_gauge table", "210_otel_metrics_gauge.sql"),
    ("the otel_metrics_sum table", "211_otel_metrics_sum.sql"),
    ("the otel_metrics_histogram table", "212_otel_metrics_histogram.sql"),
    ("the otel_metrics_exp_histogram table", "213_otel_metrics_exp_histogram.sql"),
    ("the otel_metrics_summary table", "214_otel_metrics_summary.sql"),
    ("the otlp_data_points table", "280_otlp_data_points.sql"),
    ("the otel_metrics_gauge view", "281_otel_metrics_gauge_mv.sql"),
    ("the otel_metrics_sum view", "282_otel_metrics_sum_mv.sql"),
    ("the otel_metrics_histogram view", "283_otel_metrics_histogram_mv.sql"),
    ("the otel_metrics_exp_histogram view", "284_otel_metrics_exp_histogram_mv.sql"),
    ("the otel_metrics_summary view", "285_otel_metrics_summary_mv.sql"),
    ("the spanhouse_rejected_data_points view", "286_spanhouse_rejected_data_points_mv.sql"),
    ("the otlp_metrics_landing table", "290_otlp_metrics_landing.sql"),
    ("the otlp_data_points view", "291_otlp_data_points_mv.sql"),
    ("the otlp_traces_landing table", "090_otlp_traces_landing.sql"),
    ("the otlp_spans view", "091_otlp_spans_mv.sql"),
)


@cache
def statements() -> tuple[Statement, ...]:
    """The whole schema, each statement safe to run again."""
    return tuple(
        Statement(makes, file.partition("_")[2].removesuffix(".sql"), query_text(f"schema/{file}"))
        for makes, file in _SCHEMA
    )


def landing_mark() -> str:
    """Tells this software's landing table, and the protobuf schema that belongs to it, from others."""
    (landing,) = (statement for statement in statements() if statement.name == TRACES.table)
    return landing.mark.removeprefix(MARK_PREFIX)


def query_text(name: str) -> str:
    """One of the store's own statements, by file name in sql/."""
    return (files("spanhouse_backend.store") / "sql" / name).read_text(encoding="utf-8")


@cache
def landing_schema() -> str:
    """The protobuf schema that ClickHouse decodes requests with."""
    return (files("spanhouse_proto") / "landing.proto").read_text(encoding="utf-8")


def checksum(text: str) -> str:
    """Short enough for a comment and a file name: it tells versions apart, it does not protect them."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
