"""`spanhouse metrics` and `spanhouse metric`: which metrics there are, and percentiles of those that are histograms."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.output import duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.metric_percentiles import MetricPercentiles
from spanhouse_backend.query.questions.metrics import Metrics
from spanhouse_backend.query.times import iso_time

_EXAMPLES = """\b
Examples:
  spanhouse metrics
  spanhouse metrics --filter 'name^=http. service=checkout' --since 1d
"""
_METRIC_EXAMPLES = """\b
Examples:
  spanhouse metric http.server.request.duration
  spanhouse metric http.server.request.duration --group attr.http.route --levels p50,p99,p99.9 --since 1d
  spanhouse metric http.server.request.duration --step 1h --filter 'attr.http.response.status_code>=500' --format csv
"""


@question_command(Metrics, examples=_EXAMPLES, positional="name", noun="metrics")
def metrics(answer: Answered, out: Console) -> None:
    """Show which metrics there are: their type and unit, who sends them, and how many points are stored."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("metric", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=24),
            Column("type", columns_of(rows, "type"), words=True),
            Column("unit", list(map(printable, columns_of(rows, "unit"))), 1, words=True),
            Column("services", [printable(", ".join(names)) for names in columns_of(rows, "services")], 2, words=True),
            Column("points", [f"{number:,}" for number in columns_of(rows, "points")]),
            Column("last", list(map(iso_time, columns_of(rows, "last_unix_ns"))), 3, words=True),
        ],
    )


@question_command(MetricPercentiles, examples=_METRIC_EXAMPLES, positional="name", noun="values")
def metric(answer: Answered, out: Console) -> None:
    """Show percentiles of a histogram metric, such as http.server.request.duration, by group and step."""
    title(answer, out)
    rows = answer.rows
    steps = [iso_time(row["start_unix_ns"]) for row in rows if row["start_unix_ns"] is not None]
    groups = [
        Column(field, [printable(row["group"][field]) for row in rows], style="cyan", words=True, least=20)
        for field in rows[0]["group"]
    ]
    levels = [Column(name, [_shown(row, row["percentiles"][name]) for row in rows]) for name in rows[0]["percentiles"]]
    print_table(
        out,
        [
            *([Column("from", steps, words=True)] if steps else []),
            *groups,
            Column("count", [f"{number:,}" for number in columns_of(rows, "count")]),
            Column("mean", [_shown(row, row["mean"]) for row in rows], 1),
            *levels,
            Column("max", [_shown(row, row["max"]) for row in rows], 2),
        ],
    )


def _shown(row: dict[str, object], value: float | None) -> str:
    if value is None:
        return ""
    return duration(value) if row["unit"] == "ns" else f"{value:,.4g} {printable(str(row['unit']))}".rstrip()
