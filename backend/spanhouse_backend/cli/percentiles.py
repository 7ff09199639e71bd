"""`spanhouse percentiles`: any percentiles of any groups of calls."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.output import duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.percentiles import Percentiles

_EXAMPLES = """\b
Examples:
  spanhouse percentiles
  spanhouse percentiles checkout.pay --group attr.user.tier --levels p50,p99,p99.99
  spanhouse percentiles --group service,status --filter 'duration>50ms' --since 1d
"""


@question_command(Percentiles, examples=_EXAMPLES, positional="name")
def percentiles(answer: Answered, out: Console) -> None:
    """Show how long calls take, at any percentiles, grouped by service, function, kind, status or any attribute."""
    title(answer, out)
    rows = answer.rows
    groups = [
        Column(field, [printable(row["group"][field]) for row in rows], style="cyan", words=True, least=20)
        for field in rows[0]["group"]
    ]
    levels = [
        Column(level, [duration(row["percentiles_ns"][level]) for row in rows]) for level in rows[0]["percentiles_ns"]
    ]
    print_table(
        out,
        [
            *groups,
            Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
            Column("errors", [f"{number:,}" if number else "" for number in columns_of(rows, "errors")], 3, "red"),
            Column("mean", list(map(duration, columns_of(rows, "mean_ns"))), 2),
            *levels,
            Column("total", list(map(duration, columns_of(rows, "total_ns"))), 1),
        ],
    )
