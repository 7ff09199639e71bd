"""`spanhouse top`: the table of functions."""

import time
from dataclasses import astuple, fields
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask, usage_error, where_options
from spanhouse_backend.cli.output import console, duration, format_option, printable, write_csv, write_json
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.parameters import DEFAULT_LIMIT
from spanhouse_backend.query.questions.functions import DEFAULT_SORT, SORTS, FunctionRow, Functions
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.query.wire import document, functions_from_proto
from spanhouse_proto.query_pb2 import FunctionsRequest


class _Column(NamedTuple):
    header: str
    cells: list[str]
    # Narrow terminals lose the highest first; 0 stays.
    dispensable: int
    style: str = ""


# What a column takes beside its text, and what a function's name is squeezed into before a column is dropped.
_PADDING = 2
_NAME_WIDTH = 28

_EXAMPLES = """\b
Examples:
  spanhouse top
  spanhouse top --since 1h --sort p99 --service checkout
  spanhouse top --since 2026-01-31T09:00Z --until 2026-01-31T10:00Z --format csv
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--since", metavar="TIME", default="", help="Begin here: 15m, 1h, 7d, 2026-01-31T09:30Z.  [default: everything]"
)
@click.option("--until", metavar="TIME", default="", help="End here.  [default: now]")
@click.option("--service", metavar="NAME", default="", help="Only this service.")
@click.option(
    "--sort",
    metavar="COLUMN",
    default=DEFAULT_SORT,
    show_default=True,
    help=f"One of {', '.join(SORTS)}; _ns may be left out.",
)
@click.option("--limit", metavar="ROWS", default=str(DEFAULT_LIMIT), show_default=True, help="At most this many rows.")
@format_option
@where_options
def top(since: str, until: str, service: str, sort: str, limit: str, form: str, where: Where) -> None:
    """Show which functions are slow, how often they are called and how often they fail."""
    try:
        # The server reads them again with its own clock; this only tells mistakes from failures.
        texts = {"since": since, "until": until, "service": service, "sort": sort, "limit": limit}
        question = Functions.read(texts, time.time_ns())
    except InvalidQuestion as error:
        raise usage_error(error) from error
    request = FunctionsRequest(since=since, until=until, service=service, sort=sort, limit=question.limit)
    answer = functions_from_proto(ask(where, lambda query: query.Functions(request, timeout=TIMEOUT_SECONDS)))
    if form == "json":
        write_json(document(answer))
    elif form == "csv":
        write_csv([field.name for field in fields(FunctionRow)], map(astuple, answer.rows))
    elif not answer.rows:
        _say_nothing_found(answer, service, until)
    else:
        _print_table(answer, question.sort, full=len(answer.rows) == question.limit)


def _say_nothing_found(answer: Answer[FunctionRow], service: str, until: str) -> None:
    of = f" of service {printable(service)}" if service else ""
    end = iso_time(answer.to_ns)
    if answer.from_ns:
        click.echo(f"No calls{of} between {iso_time(answer.from_ns)} and {end}. Without --since, top shows everything.")
    elif until:
        click.echo(f"No calls{of} before {end}. Without --until, top shows everything until now.")
    elif service:
        click.echo(f"No calls{of} are stored. Without --service, top shows every service.")
    else:
        click.echo(
            "No calls are stored yet. Decorate a function with @spanhouse.capture, "
            "or point an OpenTelemetry exporter at the server."
        )


def _print_table(answer: Answer[FunctionRow], sort: str, *, full: bool) -> None:
    out = console()
    since = f"From {iso_time(answer.from_ns)}" if answer.from_ns else "Everything"
    table = Table(box=None, padding=(0, _PADDING, 0, 0), header_style="bold")
    columns = _fitting(_columns(answer.rows), out)
    for column in columns:
        name = column.header in {"service", "function"}
        table.add_column(
            column.header,
            justify="left" if name else "right",
            overflow="fold" if name else "ellipsis",
            no_wrap=not name,
            style=column.style,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in cells))
    out.print(f"{since} until {iso_time(answer.to_ns)}, by {sort}", style="dim", markup=False)
    out.print(table)
    if full:
        out.print(f"Only the first {len(answer.rows)}: see more with --limit.", style="dim", markup=False)


def _columns(rows: tuple[FunctionRow, ...]) -> list[_Column]:
    def times(header: str, field: str, dispensable: int) -> _Column:
        return _Column(header, [duration(getattr(row, field)) for row in rows], dispensable)

    return [
        _Column("service", [printable(row.service) for row in rows], 7),
        _Column("function", [printable(row.name) for row in rows], 0, "cyan"),
        _Column("calls", [f"{row.calls:,}" for row in rows], 0),
        _Column("errors", [f"{row.errors:,}" if row.errors else "" for row in rows], 0, "red"),
        times("mean", "mean_ns", 4),
        times("p50", "p50_ns", 0),
        times("p90", "p90_ns", 5),
        times("p95", "p95_ns", 6),
        times("p99", "p99_ns", 0),
        times("p99.9", "p999_ns", 3),
        times("max", "max_ns", 2),
        times("total", "total_ns", 0),
        _Column("p99/p50", [f"{row.tail_ratio:.1f}" for row in rows], 1),
    ]


def _fitting(columns: list[_Column], out: Console) -> list[_Column]:
    """The columns that fit side by side, the least telling left out first."""

    def width(column: _Column) -> int:
        widest = max(len(text) for text in (column.header, *column.cells))
        return _PADDING + (min(widest, _NAME_WIDTH) if column.header == "function" else widest)

    kept = list(columns)
    while sum(map(width, kept)) > out.width and any(column.dispensable for column in kept):
        kept.remove(max(kept, key=lambda column: column.dispensable))
    return kept
