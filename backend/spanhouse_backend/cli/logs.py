"""`spanhouse logs` and `spanhouse log`: what was logged, and one record with all that is stored of it."""

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from spanhouse_backend.cli.asking import (
    Answered,
    Row,
    Texts,
    all_option,
    answer_every,
    answer_in,
    columns_of,
    dim,
    question_command,
    question_options,
    title,
)
from spanhouse_backend.cli.client import Where, where_options
from spanhouse_backend.cli.output import format_option, printable
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.logs import Log, Logs
from spanhouse_backend.query.times import iso_time
from spanhouse_backend.severities import level_of

_EXAMPLES = """\b
Examples:
  spanhouse logs --since 15m --level warn
  spanhouse logs --text 'connection refused' --filter 'scope^=app. attr.user.tier=gold'
  spanhouse logs 4bf92f3577b34da6a3ce929d0e0e4736
  spanhouse logs --since 1d --all --format csv
"""
_ONE_EXAMPLE = """\b
Examples:
  spanhouse log 1887d9a9512098005718604bbf89f824
"""
LEVEL_STYLES = {"trace": "dim", "debug": "dim", "info": "", "warn": "yellow", "error": "red", "fatal": "bold red"}
"""How levels look on a terminal."""
# What words are squeezed into before a column is left out.
_NAME_WIDTH = 12
_MESSAGE_WIDTH = 24


@click.command(epilog=_EXAMPLES)
@all_option
@question_options(Logs, positional="trace_id")
@format_option
@where_options
def logs(texts: Texts, form: str, where: Where, *, every: bool) -> None:
    """Show what was logged: in a window, at a level, with a text, during a trace."""
    if every:
        answer_every(form, where, Logs, texts)
    else:
        answer_in(form, where, Logs, texts, _table, "log records")


@question_command(Log, examples=_ONE_EXAMPLE, positional="record_id", noun="log records")
def log(answer: Answered, out: Console) -> None:
    """Show one log record with all that is stored of it; `spanhouse logs --format json` has the ids."""
    (row,) = answer.rows
    print_table(
        out,
        [
            Column("", [name for name, _ in _lines(row)], style="cyan", words=True),
            Column("", [text for _, text in _lines(row)], words=True, least=_MESSAGE_WIDTH),
        ],
    )


def _table(answer: Answered, out: Console) -> None:
    title(answer, out, f"the {answer.question.order} first")
    rows = answer.rows
    print_table(
        out,
        [
            Column("time", list(map(iso_time, columns_of(rows, "time_unix_ns"))), 6, words=True),
            Column("level", list(map(_level, rows)), words=True),
            Column(
                "service", list(map(printable, columns_of(rows, "service"))), 3, "cyan", words=True, least=_NAME_WIDTH
            ),
            Column("logger", list(map(printable, columns_of(rows, "scope"))), 4, words=True, least=_NAME_WIDTH),
            Column(
                "message", [printable(row["body"] or row["event"]) for row in rows], words=True, least=_MESSAGE_WIDTH
            ),
            Column("trace", columns_of(rows, "trace_id"), 5, words=True),
            Column("span", columns_of(rows, "span_id"), 7, words=True),
            Column("attributes", list(map(_attributes, rows)), 8, words=True, one_line=True, least=_MESSAGE_WIDTH),
        ],
    )
    if answer.head["next"]:
        dim(out, f"To go on: --cursor {answer.head['next']}")


def _level(row: Row) -> Text:
    """The sender's word, or ours where it gave none, in the colour of its level."""
    word = level_of(row["severity_number"])
    return Text(printable(row["severity"] or word), style=LEVEL_STYLES.get(word, ""))


def _attributes(row: Row) -> str:
    return printable(" ".join(f"{key}={value}" for key, value in row["attributes"].items()))


def _lines(row: Row) -> list[tuple[str, str | Text]]:
    """Each thing that is known, a line: maps have one for each of their keys, and what is empty none."""
    lines: list[tuple[str, str | Text]] = [("id", row["id"]), ("time", iso_time(row["time_unix_ns"]))]
    if row["severity"] or row["severity_number"]:
        lines.append(("level", _level(row)))
    shown: dict[str, Any] = {
        name: row[name]
        for name in (
            "service",
            "scope",
            "scope_version",
            "event",
            "body",
            "trace_id",
            "span_id",
            "scope_schema_url",
            "resource_schema_url",
        )
    }
    lines += [(name.replace("_", " "), printable(text)) for name, text in shown.items() if text]
    for prefix, name in (("attr", "attributes"), ("resource", "resource"), ("scope", "scope_attributes")):
        lines += [(printable(f"{prefix}.{key}"), printable(text)) for key, text in row[name].items()]
    return lines
