"""How answers are shown: tables for people, JSON and CSV for programs, and the words for durations and counts.

Colours appear on terminals only, and piped tables keep their full width.
"""

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console

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
# Below this a value keeps a unit: 999.5 would round to 1000.
_NEXT_UNIT = 999.5


def console() -> Console:
    """Standard output as rich writes it."""
    _be_lenient()
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=_UNLIMITED_COLUMNS)


def write_json(document: dict[str, Any]) -> None:
    """The document on standard output."""
    click.echo(json.dumps(document, indent=2))


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A header and rows on standard output, quoted as RFC 4180 says."""
    _be_lenient()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def duration(nanoseconds: float) -> str:
    """Three significant digits and a unit: 950ns, 1.25us, 12.5ms, 125s."""
    for unit, size in (("ns", 1), ("us", 1_000), ("ms", 1_000_000)):
        if nanoseconds / size < _NEXT_UNIT:
            return f"{nanoseconds / size:.3g}{unit}"
    seconds = nanoseconds / 1_000_000_000
    return f"{seconds:.3g}s" if seconds < _NEXT_UNIT else f"{seconds:,.0f}s"


def printable(text: str) -> str:
    """`text` with control characters escaped: names come from other programs, and must not steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _be_lenient() -> None:
    """Characters that standard output's encoding lacks become '?' rather than an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
