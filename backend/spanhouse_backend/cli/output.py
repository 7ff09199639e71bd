"""How answers are shown: tables for people, JSON and CSV for programs, and the words for durations and counts.

Colours appear on terminals only, and piped tables keep their full width. JSON and CSV are written row by row, so that
an answer of any length takes no more memory than a row and can be cut short by whoever reads it.
"""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console

from spanhouse_backend.query import lengths

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="A table for people; JSON or CSV, with durations in nanoseconds, for programs.",
)
# Wider than any table: what is piped into a file or a pager is not cut to the 80 columns rich assumes.
_UNLIMITED_COLUMNS = 10_000
_UTF = "utf"
# The words for lengths of time, as all tables have them.
duration, step_length = lengths.duration, lengths.step_length


def console() -> Console:
    """Standard output as rich writes it."""
    _be_lenient()
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=_UNLIMITED_COLUMNS)


def drawing_width(out: Console) -> int:
    """How wide something may be that is drawn to whatever width there is: 80 columns where there is no terminal."""
    return min(out.width, 80) if out.width == _UNLIMITED_COLUMNS else out.width


def ascii_only(out: Console) -> bool:
    """Whether standard output's encoding has no more than ASCII for sure."""
    return not out.encoding.startswith(_UTF)


def write_json(document: Mapping[str, Any]) -> None:
    """The document on standard output."""
    click.echo(json.dumps(document, indent=2))


def write_json_rows(head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """A document of `head` and then its rows, each on a line of its own as soon as it is there."""
    click.echo(json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "rows": [', nl=False)
    before = ""
    for row in rows:
        click.echo(f"{before}\n    {json.dumps(row)}", nl=False)
        before = ","
    click.echo("\n  ]\n}")


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A header and rows on standard output, quoted as RFC 4180 says."""
    _be_lenient()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def count(number: int, one: str, several: str = "") -> str:
    """The number and what it counts: "1 span", "2,000 spans"."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def printable(text: str) -> str:
    """`text` with control characters escaped: names come from other programs, and must not steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _be_lenient() -> None:
    """Characters that standard output's encoding lacks become '?' rather than an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
