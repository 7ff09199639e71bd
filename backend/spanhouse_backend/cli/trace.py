"""`spanhouse trace`: the spans of one trace as a tree, each with its place in time."""

from collections.abc import Sequence

import click
from rich.console import Console
from rich.text import Text

from spanhouse_backend.cli.asking import Answered, Row, columns_of, dim, question_command
from spanhouse_backend.cli.drawing import span_bar
from spanhouse_backend.cli.output import ascii_only, count, drawing_width, duration, printable
from spanhouse_backend.cli.span_tree import longest, tree_order
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.trace import Trace

_MAX_BAR_WIDTH = 30
_LEAST_NAME_WIDTH = 24

_EXAMPLES = """\b
Examples:
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736 --limit 500
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736 --format json
"""


@question_command(Trace, examples=_EXAMPLES, positional="trace_id", noun="spans")
@click.option(
    "--limit",
    metavar="SPANS",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="The table shows this many of the longest spans, and those they are in. JSON and CSV hold every span.",
)
def trace(answer: Answered, out: Console, limit: int) -> None:
    """Show the trace with this id: its spans as a tree, with their waterfall.

    `self` is the time in which none of a span's children ran. The critical path is what the end of the trace waited
    for: to make the trace shorter, make a part of it shorter.
    """
    rows = answer.rows
    shown = longest(rows, limit)
    took = duration(answer.to_ns - answer.from_ns)
    services = ", ".join(sorted({printable(row["service"]) for row in rows}))
    dim(out, f"{count(len(rows), 'span')} in {took} from {answer.head['from']} ({services})")
    print_table(out, _columns(answer, shown, out))
    if len(shown) < len(rows):
        hidden = count(len(rows) - len(shown), "shorter span is", "shorter spans are")
        dim(out, f"{hidden} not shown: see more with --limit.")
    if answer.head["truncated"]:
        dim(out, f"These are the first {len(rows):,} spans: the trace has more.")


def _columns(answer: Answered, shown: Sequence[Row], out: Console) -> list[Column]:
    """One line a span. What is the same for all of them, one service and no errors, takes no column."""
    plain = ascii_only(out)
    lines = list(tree_order(shown, in_ascii=plain))
    rows = [row for _, row in lines]
    width = min(_MAX_BAR_WIDTH, drawing_width(out) // 4)
    services = columns_of(rows, "service")
    columns = [
        Column(
            "span",
            [branches + printable(row["name"]) for branches, row in lines],
            style="cyan",
            words=True,
            one_line=True,
            least=_LEAST_NAME_WIDTH,
        ),
        Column("", [_bar(row, answer, width, in_ascii=plain) for row in rows], words=True, one_line=True),
        Column("start", [f"+{duration(row['start_unix_ns'] - answer.from_ns)}" for row in rows], 3),
        Column("duration", list(map(duration, columns_of(rows, "duration_ns")))),
        Column("self", list(map(duration, columns_of(rows, "self_ns"))), 1),
        Column("critical", [duration(ns) if ns else "" for ns in columns_of(rows, "critical_ns")], 2, "magenta"),
    ]
    if len(set(services)) > 1:
        columns.insert(1, Column("service", list(map(printable, services)), 4, words=True, one_line=True))
    if "Error" in columns_of(rows, "status"):
        columns.append(Column("status", list(map(_status, rows)), style="red", words=True, one_line=True, least=10))
    return columns


def _status(row: Row) -> str:
    if row["status"] != "Error":
        return ""
    return printable(f"Error: {row['status_message']}" if row["status_message"] else "Error")


def _bar(row: Row, answer: Answered, width: int, *, in_ascii: bool) -> Text:
    """The span's place in the trace; those on the critical path stand out."""
    whole = max(1, answer.to_ns - answer.from_ns)
    begin = row["start_unix_ns"] - answer.from_ns
    drawn = span_bar(begin / whole, (begin + row["duration_ns"]) / whole, width, in_ascii=in_ascii)
    return Text(f"{drawn:{width}}", "magenta" if row["critical_ns"] else "blue")
