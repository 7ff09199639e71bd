"""The table of this process's functions: `SPANHOUSE_SUMMARY=1` prints it at exit, `spanhouse run` at the end."""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING

from spanhouse.statistics import all_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanhouse.function_stats import FunctionStats

_HEADINGS = ("function", "calls", "errors", "total", "mean", "p50", "p90", "p99", "p99.9", "max")
_LONGEST_NAME = 60
_UNITS = ((10**9, "s"), (10**6, "ms"), (10**3, "us"))


def duration(nanoseconds: float) -> str:
    """Three significant digits and a unit."""
    for size, unit in _UNITS:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g}{unit}" if nanoseconds < 1000 * size else f"{nanoseconds / size:.0f}{unit}"
    return f"{nanoseconds:.0f}ns"


def table(rows: Sequence[FunctionStats]) -> str:
    """`rows` as text, one line each, columns aligned; "" when there are none."""
    if not rows:
        return ""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )


def _cells(row: FunctionStats) -> tuple[str, ...]:
    # The end of a qualified name says more than its beginning.
    name = row.name if len(row.name) <= _LONGEST_NAME else "…" + row.name[1 - _LONGEST_NAME :]
    times = (row.total_ns, row.mean_ns, row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns)
    return (name, str(row.calls), str(row.errors), *map(duration, times))


def print_summary() -> None:
    """Prints the table to standard error, the largest total first; nothing when nothing was called."""
    text = table(all_stats())
    if text:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - asked for


def print_at_exit() -> None:
    """Arranges for `print_summary` when the process ends."""
    atexit.register(print_summary)
