"""`spanhouse errors`: what goes wrong, where, and since when."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, question_command, title
from spanhouse_backend.cli.output import printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.errors import Errors
from spanhouse_backend.query.times import SECOND_NS, iso_time

_EXAMPLES = """\b
Examples:
  spanhouse errors --since 1d
  spanhouse errors checkout.pay --filter error.type=TimeoutError
"""


@question_command(Errors, examples=_EXAMPLES, positional="name", noun="errors")
def errors(answer: Answered, out: Console) -> None:
    """Show which errors there are, where, how often, and when first and last."""
    title(answer, out)
    rows = answer.rows
    print_table(
        out,
        [
            Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
            Column("service", list(map(printable, columns_of(rows, "service"))), 5, words=True),
            Column("function", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=20),
            Column("type", list(map(printable, columns_of(rows, "type"))), 0, "red", words=True, least=16),
            Column("first", list(map(_second, columns_of(rows, "first_unix_ns"))), 3, words=True),
            Column("last", list(map(_second, columns_of(rows, "last_unix_ns"))), 2, words=True),
            Column("message", list(map(printable, columns_of(rows, "message"))), 4, words=True, least=20),
            Column("trace", columns_of(rows, "trace_id"), 1, words=True),
        ],
    )


def _second(unix_ns: int) -> str:
    """When it was, to the second."""
    return iso_time(unix_ns // SECOND_NS * SECOND_NS)
