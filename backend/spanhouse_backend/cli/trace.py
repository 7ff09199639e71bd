"""`spanhouse trace`: the spans of one trace as a tree, each with its place in time."""

import json
from dataclasses import fields

import click
from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask, where_options
from spanhouse_backend.cli.output import console, duration, format_option, printable, write_csv, write_json
from spanhouse_backend.cli.span_tree import longest, tree_order
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.trace import SpanRow, TraceAnswer, parse_trace_id
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.query.wire import document, trace_from_proto
from spanhouse_proto.query_pb2 import TraceRequest

_MAX_BAR_WIDTH = 30
_FIELDS = [field.name for field in fields(SpanRow)]

_EXAMPLES = """\b
Examples:
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736 --limit 500
  spanhouse trace 4bf92f3577b34da6a3ce929d0e0e4736 --format json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("trace_id")
@click.option(
    "--limit",
    metavar="SPANS",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="The table shows this many of the longest spans, and those they are in. JSON and CSV hold every span.",
)
@format_option
@where_options
def trace(trace_id: str, limit: int, form: str, where: Where) -> None:
    """Show the trace with this id: its spans as a tree, with their waterfall."""
    try:
        request = TraceRequest(trace_id=parse_trace_id(trace_id))
    except InvalidQuestion as error:
        raise click.BadParameter(error.problem, param_hint="TRACE_ID") from error
    answer = trace_from_proto(ask(where, lambda query: query.Trace(request, timeout=TIMEOUT_SECONDS)))
    if form == "json":
        write_json(document(answer))
    elif form == "csv":
        write_csv(_FIELDS, map(_csv_row, answer.rows))
    else:
        _print_tree(answer, limit)


def _csv_row(row: SpanRow) -> list[object]:
    values = {name: getattr(row, name) for name in _FIELDS}
    return list((values | {"attributes": json.dumps(row.attributes)}).values())


def _print_tree(answer: TraceAnswer, limit: int) -> None:
    out = console()
    shown = longest(answer.rows, limit)
    took = duration(answer.to_ns - answer.from_ns)
    spans = "1 span" if len(answer.rows) == 1 else f"{len(answer.rows):,} spans"
    services = ", ".join(sorted({printable(row.service) for row in answer.rows}))
    out.print(f"{spans} in {took} from {iso_time(answer.from_ns)} ({services})", style="dim", markup=False)
    out.print(_tree(answer, shown, bar_width=min(_MAX_BAR_WIDTH, out.width // 4)))
    if len(shown) < len(answer.rows):
        hidden = len(answer.rows) - len(shown)
        those = "1 shorter span is" if hidden == 1 else f"{hidden:,} shorter spans are"
        out.print(f"{those} not shown: see more with --limit.", style="dim", markup=False)
    if answer.truncated:
        out.print(f"These are the first {len(answer.rows):,} spans: the trace has more.", style="dim", markup=False)


def _tree(answer: TraceAnswer, shown: list[SpanRow], bar_width: int) -> Table:
    """One line a span. What is the same for all of them, one service and no errors, takes no column."""
    services = len({row.service for row in answer.rows}) > 1
    errors = any(row.status == "Error" for row in shown)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("span", style="cyan")
    if services:
        table.add_column("service")
    table.add_column("", width=bar_width)
    table.add_column("start", justify="right", no_wrap=True)
    table.add_column("duration", justify="right", no_wrap=True)
    if errors:
        table.add_column("status", style="red")
    for branches, row in tree_order(shown):
        cells: list[Text | Bar] = [_line(branches + printable(row.name))]
        if services:
            cells.append(_line(printable(row.service)))
        cells.append(_bar(row, answer, bar_width))
        cells.append(Text(f"+{duration(row.start_unix_ns - answer.from_ns)}"))
        cells.append(Text(duration(row.duration_ns)))
        if errors and row.status == "Error":
            cells.append(_line(printable(f"Error: {row.status_message}" if row.status_message else "Error")))
        table.add_row(*cells)
    return table


def _line(text: str) -> Text:
    """Cut rather than folded when the terminal is narrow: a tree needs one line a span."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _bar(row: SpanRow, answer: TraceAnswer, width: int) -> Bar:
    """The span's place in the trace; the shortest still shows as half a character."""
    whole = max(1, answer.to_ns - answer.from_ns)
    shortest = whole / width / 2
    begin = min(row.start_unix_ns - answer.from_ns, whole - shortest)
    return Bar(whole, begin, max(begin + shortest, begin + row.duration_ns), width=width)
