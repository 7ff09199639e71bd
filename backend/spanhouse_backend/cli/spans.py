"""`spanhouse spans`: the calls themselves, in order of time."""

from typing import Any

import click
from rich.console import Console

from spanhouse_backend.cli.asking import (
    Answered,
    Texts,
    all_option,
    answer_every,
    answer_in,
    columns_of,
    dim,
    question_options,
    title,
)
from spanhouse_backend.cli.client import Where, where_options
from spanhouse_backend.cli.output import duration, format_option, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.spans import Spans
from spanhouse_backend.query.times import iso_time

_EXAMPLES = """\b
Examples:
  spanhouse spans --since 15m --filter 'status=error duration>50ms'
  spanhouse spans checkout.pay --order oldest --limit 20
  spanhouse spans --since 1d --all --format csv
  spanhouse spans --order oldest --offset 41 --limit 1
"""
# What names are squeezed into before a column is left out, and what an attribute's value is cut to.
_NAME_WIDTH = 24


@click.command(epilog=_EXAMPLES)
@all_option
@question_options(Spans, positional="name")
@format_option
@where_options
def spans(texts: Texts, form: str, where: Where, *, every: bool) -> None:
    """Show which calls these were, one by one, with their traces and attributes."""
    if every:
        answer_every(form, where, Spans, texts)
    else:
        answer_in(form, where, Spans, texts, _table, "spans")


def _table(answer: Answered, out: Console) -> None:
    title(answer, out, f"the {answer.question.order} first")
    print_table(out, span_columns(answer.rows))
    if answer.head["next"]:
        dim(out, f"To go on: --cursor {answer.head['next']}")


def span_columns(rows: list[dict[str, Any]]) -> list[Column]:
    """Spans as a table: what tells most about them stays on a narrow terminal."""
    return [
        Column("start", list(map(iso_time, columns_of(rows, "start_unix_ns"))), 4),
        Column("service", list(map(printable, columns_of(rows, "service"))), 5, words=True),
        Column("function", list(map(printable, columns_of(rows, "name"))), 0, "cyan", words=True, least=_NAME_WIDTH),
        Column("duration", list(map(duration, columns_of(rows, "duration_ns")))),
        Column("status", [row["status"] if row["status"] != "Unset" else "" for row in rows], 3, words=True),
        Column("trace", columns_of(rows, "trace_id"), words=True),
        Column("attributes", list(map(_attributes, rows)), 6, words=True, one_line=True, least=_NAME_WIDTH),
    ]


def _attributes(row: dict[str, Any]) -> str:
    return printable(" ".join(f"{key}={value}" for key, value in row["attributes"].items()))
