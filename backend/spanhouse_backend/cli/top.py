"""`spanhouse top`: the table of functions, once or refreshed in place."""

from typing import Any

import click
from rich.console import Console

from spanhouse_backend.cli.asking import Answered, answer_in, columns_of, question_options, title
from spanhouse_backend.cli.client import Where, where_options
from spanhouse_backend.cli.live import live_options, refreshed
from spanhouse_backend.cli.output import duration, format_option, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.functions import Functions

# What a function's name is squeezed into before a column is dropped.
_NAME_WIDTH = 28

_EXAMPLES = """\b
Examples:
  spanhouse top
  spanhouse top --since 1h --sort p99 --service checkout
  spanhouse top --since 5m --live
  spanhouse top --since 2026-01-31T09:00Z --until 2026-01-31T10:00Z --format csv
"""


@click.command(epilog=_EXAMPLES)
@live_options
@question_options(Functions)
@format_option
@where_options
def top(texts: dict[str, str], form: str, where: Where, every: float | None) -> None:
    """Show which functions are slow, how often they are called and how often they fail."""
    if every is None:
        answer_in(form, where, Functions, texts, _table, "calls")
    else:
        refreshed(every, where, Functions, texts, _table, "calls")


def _table(answer: Answered, out: Console) -> None:
    title(answer, out, f"by {answer.question.sort}")
    print_table(out, _columns(answer.rows))


def _columns(rows: list[dict[str, Any]]) -> list[Column]:
    def times(header: str, field: str, dispensable: int) -> Column:
        return Column(header, list(map(duration, columns_of(rows, field))), dispensable)

    return [
        Column("service", list(map(printable, columns_of(rows, "service"))), 7, words=True),
        Column("function", list(map(printable, columns_of(rows, "name"))), style="cyan", words=True, least=_NAME_WIDTH),
        Column("calls", [f"{number:,}" for number in columns_of(rows, "calls")]),
        Column("errors", [f"{number:,}" if number else "" for number in columns_of(rows, "errors")], style="red"),
        times("mean", "mean_ns", 4),
        times("stderr", "stderr_ns", 8),
        times("p50", "p50_ns", 0),
        times("p90", "p90_ns", 5),
        times("p95", "p95_ns", 6),
        times("p99", "p99_ns", 0),
        times("p99.9", "p999_ns", 3),
        times("max", "max_ns", 2),
        times("total", "total_ns", 0),
        Column("p99/p50", [f"{ratio:.1f}" for ratio in columns_of(rows, "tail_ratio")], 1),
    ]
