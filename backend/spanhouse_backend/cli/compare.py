"""`spanhouse compare`: what became slower between two windows of time, for people and for continuous integration."""

from typing import Any

import click
from rich.text import Text

from spanhouse_backend.cli.asking import Row, Texts, columns_of, dim, question_options, whole
from spanhouse_backend.cli.client import Where, where_options
from spanhouse_backend.cli.output import (
    console,
    count,
    duration,
    format_option,
    printable,
    write_csv,
    write_json_rows,
)
from spanhouse_backend.cli.tables import Column, print_table
from spanhouse_backend.query.questions.compare import Compare

_EXAMPLES = """\b
Examples:
  spanhouse compare
  spanhouse compare --baseline 1d..1h --candidate 1h --service checkout
  spanhouse compare --baseline 20m..10m --candidate 10m --fail-on-regression   exits 1 when something got worse
"""
_STYLES = {"slower": "red", "faster": "green", "too_little_data": "dim"}


_NAMED = 5


@click.command(epilog=_EXAMPLES)
@question_options(Compare, positional="name")
@click.option(
    "--fail-on-regression", is_flag=True, help="Exit with 1 when a function became slower or fails more often."
)
@format_option
@where_options
def compare(texts: Texts, form: str, where: Where, *, fail_on_regression: bool) -> None:
    """Show which functions became slower, faster or more wrong since the baseline, and how sure that is."""
    answer = whole(where, Compare, texts)
    rows = answer.rows
    if form == "json":
        write_json_rows(answer.head, rows)
    elif form == "csv":
        flat = [_flat(row) for row in rows]
        write_csv(list(flat[0]) if flat else ["service", "name", "verdict"], [list(row.values()) for row in flat])
    else:
        _print_table(rows, answer.head.get("notes", ()))
    worse = [printable(row["name"]) for row in rows if row["verdict"] == "slower" or row["errors"] == "more"]
    if fail_on_regression and worse:
        names = ", ".join([*worse[:_NAMED], *(["..."] if len(worse) > _NAMED else [])])
        click.echo(f"{len(worse)} of {count(len(rows), 'function')} got worse: {names}", err=True)
        raise SystemExit(1)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row as cells: each percentile's values in columns of their own, what changed as one word each."""
    cells = {"service": row["service"], "name": row["name"], **row, "changed": " ".join(row["changed"])}
    for shift in cells.pop("percentiles"):
        level = f"p{shift['level'] * 100:g}"
        cells |= {f"{level}_{name}": value for name, value in shift.items() if name != "level"}
    return cells


def _print_table(rows: list[Row], notes: list[str]) -> None:
    out = console()
    if not rows:
        out.print("No function was called in both windows.", markup=False)
    else:
        print_table(out, _columns(rows))
    for note in notes:
        dim(out, note)


def _columns(rows: list[Row]) -> list[Column]:
    shifts = [{shift["level"]: shift for shift in row["percentiles"]} for row in rows]
    return [
        Column("verdict", list(map(_verdict, rows)), words=True),
        Column("service", list(map(printable, columns_of(rows, "service"))), 3, words=True),
        Column("function", list(map(printable, columns_of(rows, "name"))), words=True, least=20),
        Column("calls", [f"{row['baseline_calls']:,} > {row['candidate_calls']:,}" for row in rows], 4),
        Column("shift", [f"{row['shift'] - 1:+.1%}" for row in rows]),
        Column("p50", [_percentile(levels[0.5]) for levels in shifts], 1),
        Column("p99", [_percentile(levels[0.99]) for levels in shifts]),
        Column("errors", list(map(_errors, rows)), 2),
    ]


def _verdict(row: Row) -> Text:
    changed = f" ({', '.join(row['changed'])})" if row["changed"] else ""
    return Text(row["verdict"].replace("_", " ") + changed, _STYLES.get(row["verdict"], ""))


def _errors(row: Row) -> Text:
    style = "red" if row["errors"] == "more" else ""
    return Text(f"{row['baseline_errors']:,} > {row['candidate_errors']:,}", style)


def _percentile(shift: dict[str, Any]) -> Text:
    """Both values, and between what their ratio lies: "10ms > 13ms (+25% .. +36%)"."""
    interval = f"{shift['ratio_low'] - 1:+.0%} .. {shift['ratio_high'] - 1:+.0%}"
    return Text(f"{duration(shift['baseline_ns'])} > {duration(shift['candidate_ns'])} ({interval})")
