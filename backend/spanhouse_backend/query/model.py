"""The questions and their answers, as plain values every face shares: gRPC, REST and the command line.

A question holds checked values (parse.py makes them of text); an answer says where its numbers came from and how
exact they are. Durations are integer nanoseconds in fields ending in _ns, times are Unix nanoseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Source = Literal["rollup_1m", "rollup_1h", "raw"]
# bucketed: percentiles are read off histogram buckets, within 0.55% of the true order statistic.
Accuracy = Literal["bucketed", "exact"]


@dataclass(frozen=True, slots=True)
class FunctionsQuestion:
    """How often, how slow and how often wrong is each function, over the half-open window [from_ns, to_ns)?

    `from_ns` 0 is everything stored; `service` "" is every service; `sort` is a field of FunctionRow.
    """

    from_ns: int
    to_ns: int
    service: str
    sort: str
    limit: int


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One function, which is one span name of one service.

    `stderr_ns` is the standard error of the mean, 0 for a single call; `tail_ratio` is p99 / p50, 0 when p50 is 0.
    """

    service: str
    name: str
    calls: int
    errors: int
    mean_ns: float
    stderr_ns: float
    min_ns: int
    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    total_ns: int
    tail_ratio: float
    slowest_trace_id: str


@dataclass(frozen=True, slots=True)
class FunctionsAnswer:
    """The table of functions, over the window that was answered: rollups answer whole minutes."""

    source: Source
    accuracy: Accuracy
    from_ns: int
    to_ns: int
    rows: tuple[FunctionRow, ...]


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span of a trace. Ids are lower-case hexadecimal; a root span's `parent_span_id` is ""."""

    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: str
    start_unix_ns: int
    duration_ns: int
    status: str
    status_message: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TraceAnswer:
    """The spans of one trace in order of start; `truncated` when there are more than one answer holds."""

    rows: tuple[SpanRow, ...]
    truncated: bool

    @property
    def from_ns(self) -> int:
        """When the first span starts; 0 for a trace without spans."""
        return self.rows[0].start_unix_ns if self.rows else 0

    @property
    def to_ns(self) -> int:
        """When the last of the spans ends; 0 for a trace without spans."""
        return max((row.start_unix_ns + row.duration_ns for row in self.rows), default=0)
