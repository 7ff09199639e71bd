"""`spanhouse logs`: what was logged during a trace."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command
from spanhouse_backend.cli.output import printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.times import iso_time

_EXAMPLES = """\b
Examples:
  spanhouse logs 4bf92f3577b34da6a3ce929d0e0e4736
  spanhouse logs 4bf92f3577b34da6a3ce929d0e0e4736 --format json
"""


@question_command(Logs, examples=_EXAMPLES, positional="trace_id", noun="log records")
def logs(answer: Answered, out: Console) -> None:
    """Show what was logged during a trace, in order of time."""
    rows = answer.rows
    print_table(
        out,
        [
            Column("time", list(map(iso_time, columns_of(rows, "time_unix_ns"))), words=True),
            Column("severity", list(map(printable, columns_of(rows, "severity"))), 0, words=True),
            Column("service", list(map(printable, columns_of(rows, "service"))), 2, "cyan", words=True),
            Column("message", [printable(row["body"] or row["event"]) for row in rows], 0, words=True, least=20),
            Column("span", columns_of(rows, "span_id"), 1, words=True),
        ],
    )
