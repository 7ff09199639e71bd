"""Tables that fit the terminal: what tells least is left out before anything is cut.

A pipe has no width, so piped tables are whole.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# What a column takes beside its text.
_PADDING = 2


class Column(NamedTuple):
    """A header and the cells under it, which are plain text: what looks like markup is shown as it is."""

    header: str
    cells: Sequence[str | Text]
    # Narrow terminals lose the highest first; 0 stays.
    dispensable: int = 0
    style: str = ""
    # Words, to the left, may be folded; numbers, to the right, are never cut.
    words: bool = False
    # What words are squeezed into before another column is left out; 0 is as wide as they are.
    least: int = 0
    # Words that must stay on one line: cut at the end rather than folded.
    one_line: bool = False


def print_table(out: Console, columns: Sequence[Column]) -> None:
    """Prints those of `columns` that fit side by side."""
    table = Table(box=None, padding=(0, _PADDING, 0, 0), header_style="bold")
    kept = _fitting(columns, out.width)
    for column in kept:
        table.add_column(
            column.header,
            justify="left" if column.words else "right",
            overflow="fold" if column.words and not column.one_line else "ellipsis",
            no_wrap=column.one_line or not column.words,
            style=column.style,
        )
    for cells in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))
    out.print(table)


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit side by side, the least telling left out first."""

    def needs(column: Column) -> int:
        widest = max(cell_len(str(text)) for text in (column.header, *column.cells))
        return _PADDING + (min(widest, column.least) if column.least else widest)

    kept = list(columns)
    while sum(map(needs, kept)) > width and any(column.dispensable for column in kept):
        kept.remove(max(kept, key=lambda column: column.dispensable))
    return kept
