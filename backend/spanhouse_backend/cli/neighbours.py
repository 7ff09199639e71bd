"""`spanhouse callers` and `spanhouse callees`: a function's neighbours in the graph of calls."""

from rich.console import Console

from spanhouse_backend.cli.asking import Answered, columns_of, dim, question_command, title
from spanhouse_backend.cli.output import count, duration, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.neighbours import Callees, Callers

_CALLERS_EXAMPLES = """\b
Examples:
  spanhouse callers checkout.pay
  spanhouse callers checkout.pay --service checkout --since 1h --filter status=error
"""
_CALLEES_EXAMPLES = """\b
Examples:
  spanhouse callees checkout.pay
  spanhouse callees checkout.pay --since 1h --filter 'duration>250ms'
"""


@question_command(Callers, examples=_CALLERS_EXAMPLES, positional="name", noun="callers")
def callers(answer: Answered, out: Console) -> None:
    """Show which functions call this one, and how much of its time is due to each."""
    head = answer.head
    title(answer, out, count(head["calls"], "call"))
    _print_neighbours(answer, out, "caller")
    if head["roots"]:
        dim(out, f"Called by nobody: {head['roots']:,}.")
    if head["orphans"]:
        dim(out, f"Called by a span that is not stored: {head['orphans']:,}.")


@question_command(Callees, examples=_CALLEES_EXAMPLES, positional="name", noun="callees")
def callees(answer: Answered, out: Console) -> None:
    """Show which functions this one calls, and how much of its time goes into each."""
    title(answer, out, count(answer.head["calls"], "call"))
    _print_neighbours(answer, out, "callee")


def _print_neighbours(answer: Answered, out: Console, side: str) -> None:
    rows = answer.rows
    print_table(
        out,
        [
            Column("service", list(map(printable, columns_of(rows, "service"))), 1, words=True),
            Column(side, list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=20),
            Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
            Column("errors", [f"{number:,}" if number else "" for number in columns_of(rows, "errors")], 2, "red"),
            Column("mean", [duration(ns) for ns in columns_of(rows, "mean_ns")], 3),
            Column("p50", [duration(ns) for ns in columns_of(rows, "p50_ns")], 4),
            Column("p99", [duration(ns) for ns in columns_of(rows, "p99_ns")]),
            Column("total", [duration(ns) for ns in columns_of(rows, "total_ns")]),
            Column("share", [f"{share:.1%}" for share in columns_of(rows, "share")]),
        ],
    )
