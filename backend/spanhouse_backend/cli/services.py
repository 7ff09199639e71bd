"""`spanhouse services`: who sends spans."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.output import duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.services import Services

_EXAMPLES = """\b
Examples:
  spanhouse services
  spanhouse services --since 1h --filter status=error
"""


@question_command(Services, examples=_EXAMPLES)
def services(answer: Answered, out: Console) -> None:
    """Show which services there are, how often they are called and how often they fail."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("service", [printable(row["service"]) for row in rows], style="cyan", words=True, least=20),
            Column("functions", [f"{number:,}" for number in columns_of(rows, "functions")], 2),
            Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
            Column("errors", [f"{number:,}" if number else "" for number in columns_of(rows, "errors")], style="red"),
            Column("mean", list(map(duration, columns_of(rows, "mean_ns"))), 1),
            Column("total", list(map(duration, columns_of(rows, "total_ns")))),
        ],
    )
