"""`spanhouse compare`: what became slower between two windows of time, for people and for continuous integration."""

import json
import time
from collections.abc import Mapping
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, ask, usage_error, where_options
from spanhouse_backend.cli.output import console, duration, format_option, printable, write_csv, write_json
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.parameters import FILTER, LIMIT, SERVICE
from spanhouse_backend.query.questions.compare import BASELINE, EFFECT, SIGNIFICANCE, WITH, Compare
from spanhouse_proto.query_pb2 import AskRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

_EXAMPLES = """\b
Examples:
  spanhouse compare
  spanhouse compare --baseline 1d..1h --candidate 1h --service checkout
  spanhouse compare --baseline 20m..10m --candidate 10m --fail-on-regression   exits 1 when something got worse
"""
_STYLES = {"slower": "red", "faster": "green", "too_little_data": "dim"}


@click.command(epilog=_EXAMPLES)
@click.option("--baseline", metavar="FROM..TO", default=BASELINE.default, show_default=True, help=BASELINE.help)
@click.option("--candidate", metavar="FROM..TO", default=WITH.default, show_default=True, help=WITH.help)
@click.option("--service", metavar="NAME", default="", help=SERVICE.help)
@click.option("--filter", "where_text", metavar="FILTER", default="", help=FILTER.help)
@click.option("--alpha", metavar="SHARE", default=SIGNIFICANCE.default, show_default=True, help=SIGNIFICANCE.help)
@click.option("--min-effect", metavar="SHARE", default=EFFECT.default, show_default=True, help=EFFECT.help)
@click.option("--limit", metavar="ROWS", default=LIMIT.default, show_default=True, help=LIMIT.help)
@click.option(
    "--fail-on-regression", is_flag=True, help="Exit with 1 when a function became slower or fails more often."
)
@format_option
@where_options
def compare(
    *,
    where_text: str,
    min_effect: str,
    fail_on_regression: bool,
    form: str,
    where: Where,
    **texts: str,
) -> None:
    """Show which functions became slower, faster or more wrong since the baseline, and how sure that is."""
    asked = {**texts, "filter": where_text, "min_effect": min_effect}
    try:
        # The server reads them again with its own clock; this only tells mistakes from failures.
        Compare.read(asked, time.time_ns())
    except InvalidQuestion as error:
        raise usage_error(error) from error
    document = ask(where, lambda query: _answer(query, asked))
    rows = document["rows"]
    if form == "json":
        write_json(document)
    elif form == "csv":
        flat = [_flat(row) for row in rows]
        write_csv(list(flat[0]) if flat else ["service", "name", "verdict"], [list(row.values()) for row in flat])
    else:
        _print_table(document)
    worse = [row for row in rows if row["verdict"] == "slower" or row["errors"] == "more"]
    if fail_on_regression and worse:
        names = ", ".join(printable(row["name"]) for row in worse[:5]) + (", ..." if len(worse) > 5 else "")  # noqa: PLR2004
        click.echo(f"{len(worse)} of {len(rows)} functions got worse: {names}", err=True)
        raise SystemExit(1)


def _answer(query: QueryStub, asked: Mapping[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    rows: list[Any] = []
    for message in query.Ask(AskRequest(question=Compare.name, parameters=asked), timeout=TIMEOUT_SECONDS):
        if message.document:
            document = json.loads(message.document)
        if message.rows:
            rows += json.loads(message.rows)
    return {**document, "rows": rows}


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row as cells: each percentile's values in columns of their own, what changed as one word each."""
    cells = {"service": row["service"], "name": row["name"], **row, "changed": " ".join(row["changed"])}
    for shift in cells.pop("percentiles"):
        level = f"p{shift['level'] * 100:g}"
        cells |= {f"{level}_{name}": value for name, value in shift.items() if name != "level"}
    return cells


def _print_table(document: dict[str, Any]) -> None:
    out = console()
    rows = document["rows"]
    if not rows:
        out.print("No function was called in both windows.", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for header in ("verdict", "service", "function"):
        table.add_column(header, overflow="fold")
    for header in ("calls", "shift", "p50", "p99", "errors"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows:
        verdict = row["verdict"].replace("_", " ") + (f" ({', '.join(row['changed'])})" if row["changed"] else "")
        shifts = {shift["level"]: shift for shift in row["percentiles"]}
        cells = [
            Text(verdict, style=_STYLES.get(row["verdict"], "")),
            Text(printable(row["service"])),
            Text(printable(row["name"])),
            Text(f"{row['baseline_calls']:,} > {row['candidate_calls']:,}"),
            Text(f"{row['shift'] - 1:+.1%}"),
            _percentile(shifts[0.5]),
            _percentile(shifts[0.99]),
            Text(
                f"{row['baseline_errors']:,} > {row['candidate_errors']:,}",
                style="red" if row["errors"] == "more" else "",
            ),
        ]
        table.add_row(*cells)
    if rows:
        out.print(table)
    for note in document.get("notes", ()):
        out.print(note, style="dim", markup=False)


def _percentile(shift: dict[str, Any]) -> Text:
    """Both values, and between what their ratio lies: "10ms > 13ms (+25% .. +36%)"."""
    interval = f"{shift['ratio_low'] - 1:+.0%} .. {shift['ratio_high'] - 1:+.0%}"
    return Text(f"{duration(shift['baseline_ns'])} > {duration(shift['candidate_ns'])} ({interval})")
