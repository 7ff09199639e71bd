"""`metrics`: which metrics there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.metric_fields import PointsFiltered
from spanhouse_backend.query.parameters import Limited, Windowed
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.statements import Fragment, statement

# The types of OTLP's metrics, and the tables of the Collector's exporter that their points are in.
TABLES: Mapping[str, str] = {
    "gauge": "otel_metrics_gauge",
    "sum": "otel_metrics_sum",
    "histogram": "otel_metrics_histogram",
    "exponential_histogram": "otel_metrics_exp_histogram",
    "summary": "otel_metrics_summary",
}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one type and unit.

    `type` is gauge, sum, histogram, exponential_histogram or summary. `first_unix_ns` and `last_unix_ns` are the times
    of its first and last point in the window.
    """

    name: str
    type: str
    unit: str
    description: str
    services: tuple[str, ...]
    points: int
    first_unix_ns: int
    last_unix_ns: int


@dataclass(frozen=True, kw_only=True)
class Metrics(Question[Answer[MetricRow]], name="metrics", row=MetricRow):
    """Which metrics are there, of which type, in which unit, from whom?

    Of those whose type is histogram or exponential_histogram `metric_percentiles` says how their values are
    distributed.
    """

    window: Windowed
    where: PointsFiltered
    limit: Limited

    async def answer(self, engine: Engine) -> Answer[MetricRow]:
        """One row a metric, in order of names."""
        bounds = {"from_ns": self.window.from_ns, "to_ns": self.window.to_ns}
        points = [
            statement(
                "metric_points.sql",
                bounds,
                type=Fragment(f"'{kind}'"),
                table=Fragment(table),
                filter=condition(self.where),
            )
            for kind, table in TABLES.items()
        ]
        together = Fragment(" UNION ALL ".join(part.sql for part in points), points[0].parameters)
        found = await engine.rows(statement("metrics.sql", {"limit": self.limit}, points=together))
        return Answer(
            source="raw",
            accuracy="exact",
            from_ns=self.window.from_ns,
            to_ns=self.window.to_ns,
            rows=tuple(MetricRow(services=tuple(values.pop("services")), **values) for values in found),
        )
