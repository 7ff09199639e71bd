"""Which questions a panel can ask, how each of them can be shown, and what of its answer when nothing is said.

A default names fields of rows; of a field that is a map, it means all that stands in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spanhouse_backend.boards.columns import ERROR_RATE
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.aggregate import Aggregate
from spanhouse_backend.query.questions.errors import Errors
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.questions.metric_percentiles import MetricPercentiles
from spanhouse_backend.query.questions.neighbours import Callees, Callers
from spanhouse_backend.query.questions.percentiles import Percentiles
from spanhouse_backend.query.questions.series import Series
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.questions.spans import Slowest, Spans
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.query.questions.trends import Trends

Show = Literal["lines", "bars", "table", "number"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the answers to one question are shown: the default columns of each way there is.

    `labels` are what tells rows apart. A `number` has no default unless one is named: it is whichever is asked for.
    """

    question: type[Question[Any]]
    table: tuple[str, ...]
    lines: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    number: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()

    @property
    def shows(self) -> tuple[Show, ...]:
        """The ways there are."""
        there: dict[Show, object] = {"lines": self.lines, "bars": self.bars, "table": self.table}
        named: list[Show] = [show for show, columns in there.items() if columns]
        return (*named, "number") if self.number is not None else tuple(named)


_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "unspecified")
_SHAPES = (
    Shape(
        question=Series,
        table=("start_unix_ns", "calls", ERROR_RATE, "mean_ns", "percentiles_ns"),
        lines=("percentiles_ns",),
        bars=("calls",),
    ),
    Shape(question=Trends, table=(), lines=("percentile_ns",), labels=("name",)),
    Shape(
        question=Percentiles,
        table=("group", "calls", ERROR_RATE, "mean_ns", "percentiles_ns"),
        bars=("percentiles_ns",),
        number=("percentiles_ns",),
        labels=("group",),
    ),
    Shape(
        question=Functions,
        table=("name", "service", "calls", ERROR_RATE, "p50_ns", "p99_ns", "max_ns", "total_ns"),
        bars=("total_ns",),
        number=(),
        labels=("name",),
    ),
    Shape(
        question=Services,
        table=("service", "functions", "calls", ERROR_RATE, "mean_ns", "total_ns"),
        bars=("calls",),
        number=(),
        labels=("service",),
    ),
    Shape(
        question=Slowest,
        table=("start_unix_ns", "duration_ns", "name", "service", "trace_id"),
        number=("duration_ns",),
        labels=("name",),
    ),
    Shape(question=Spans, table=("start_unix_ns", "duration_ns", "name", "service", "status", "trace_id")),
    Shape(
        question=Errors,
        table=("name", "service", "type", "calls", "last_unix_ns", "message", "trace_id"),
        bars=("calls",),
        number=("calls",),
        labels=("name", "type"),
    ),
    Shape(
        question=Callers, table=("name", "service", "calls", "total_ns", "share"), bars=("total_ns",), labels=("name",)
    ),
    Shape(
        question=Callees, table=("name", "service", "calls", "total_ns", "share"), bars=("total_ns",), labels=("name",)
    ),
    Shape(
        question=Aggregate,
        table=("start_unix_ns", "group", "figures"),
        lines=("figures",),
        bars=("figures",),
        number=("figures",),
        labels=("group",),
    ),
    Shape(question=Timeline, table=("start_unix_ns", "records", *_LEVELS[3:6]), lines=("records",), bars=_LEVELS),
    Shape(question=Logs, table=("time_unix_ns", "severity", "service", "body")),
    Shape(
        question=MetricPercentiles,
        table=("start_unix_ns", "group", "count", "mean", "percentiles"),
        lines=("percentiles",),
        bars=("percentiles",),
        number=("percentiles",),
        labels=("group",),
    ),
)
SHAPES: Mapping[str, Shape] = {shape.question.name: shape for shape in _SHAPES}
