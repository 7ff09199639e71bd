"""`spanhouse trends`: how each of many functions went over time, a line of sparks for each."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.drawing import combined, sparkline
from spanhouse_backend.cli.output import ascii_only, count, drawing_width, duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.percentiles import level_name
from spanhouse_backend.query.questions.trends import Trends

_EXAMPLES = """\b
Examples:
  spanhouse trends --since 1d
  spanhouse trends --service checkout --level p50 --since 7d --step 6h --limit 10
"""
# What the columns beside the line of sparks take, and the shortest line that still says something.
_OTHERS_WIDTH = 72
_LEAST_WIDTH = 10


@question_command(Trends, examples=_EXAMPLES)
def trends(answer: Answered, out: Console) -> None:
    """Show how a percentile of each function went over time, those that took the most time first."""
    level = level_name(answer.question.level)
    rows = answer.rows
    known = [[value for value in values if value is not None] for values in columns_of(rows, "percentile_ns")]
    width = max(_LEAST_WIDTH, drawing_width(out) - _OTHERS_WIDTH)
    drawn = [
        sparkline(combined(values, width), in_ascii=ascii_only(out)) for values in columns_of(rows, "percentile_ns")
    ]
    title(answer, out, f"{level} in {count(len(answer.head['starts_unix_ns']), 'step')}")
    print_table(
        out,
        [
            Column("service", [printable(row["service"]) for row in rows], 3, words=True, least=12),
            Column("function", [printable(row["name"]) for row in rows], style="cyan", words=True, least=20),
            Column("calls", [f"{sum(calls):,}" for calls in columns_of(rows, "calls")]),
            Column(f"{level} over time", drawn, style="cyan", words=True, one_line=True),
            Column("least", [duration(min(values)) for values in known], 2),
            Column("most", [duration(max(values)) for values in known]),
            Column("last", [duration(values[-1]) for values in known], 1),
        ],
    )
