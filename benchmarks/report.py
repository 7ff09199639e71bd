"""One measured budget as a row, and the table of them that `make bench` prints."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True)
class Row:
    """One budget and what was measured, already written as text."""

    budget: str
    """What is promised, in words with its number."""
    measured: str
    peer: str
    """What it is compared with, measured in the same run."""
    ratio: str
    verdict: str
    """"met", "missed", or why it cannot be said."""


def against(ours: float, peers: float) -> str:
    """Our cost as a part or a multiple of the peer's: "1/12.5", or "x3.1" where ours is the greater."""
    if not ours or not peers:
        return ""
    return f"1/{peers / ours:.1f}" if ours <= peers else f"x{ours / peers:.1f}"


def machine() -> str:
    """Where the figures come from: processor count, system, Python."""
    cpus = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{cpus} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned plain text under headings."""
    cells = [tuple(field.name for field in fields(Row)), *map(astuple, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )
