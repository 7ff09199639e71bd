"""Spans in the order a reader wants them: each below its parent, brothers by start.

Traces come from the network: a parent may be missing, a span its own ancestor, an id repeated, a chain as deep as
the trace is long. Every span is shown exactly once all the same.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

# Deeper levels are drawn like this one: a chain of 10,000 spans must not make lines of 30,000 characters.
_MAX_DEPTH = 40

# A span of a trace's document: what is looked at is span_id, parent_span_id and duration_ns.
Span: TypeAlias = dict[str, Any]


class _Branches(NamedTuple):
    """What is drawn before a child that others follow, before the last, and below either of them."""

    child: str
    last: str
    go_on: str
    end: str


_LINES = _Branches("├─ ", "└─ ", "│  ", "   ")
_ASCII_LINES = _Branches("|- ", "`- ", "|  ", "   ")


def tree_order(rows: Sequence[Span], *, in_ascii: bool = False) -> Iterator[tuple[str, Span]]:
    """Yields each row with the branches to draw before its name; `rows` are in order of start."""
    lines = _ASCII_LINES if in_ascii else _LINES
    indexes = {row["span_id"]: index for index, row in enumerate(rows)}
    children: dict[str, list[int]] = {}
    roots: list[int] = []
    for index, row in enumerate(rows):
        if row["parent_span_id"] in indexes:
            children.setdefault(row["parent_span_id"], []).append(index)
        else:
            roots.append(index)
    shown: set[int] = set()
    # After the roots come those only reachable from themselves.
    for start in chain(roots, range(len(rows))):
        # A stack of our own, as deep as it needs to be: (row, branches, how its children's lines go on, depth).
        stack = [(start, "", "", 0)]
        while stack:
            index, branches, beneath, depth = stack.pop()
            if index in shown:
                continue
            shown.add(index)
            yield branches, rows[index]
            below = [child for child in children.get(rows[index]["span_id"], ()) if child not in shown]
            for child in reversed(below):
                last = child == below[-1]
                if depth < _MAX_DEPTH:
                    before, below_it = (lines.last, lines.end) if last else (lines.child, lines.go_on)
                    stack.append((child, beneath + before, beneath + below_it, depth + 1))
                else:
                    stack.append((child, branches, beneath, depth))


def longest(rows: Sequence[Span], count: int) -> list[Span]:
    """The `count` longest spans and the ones they are in, in order of start: what tells most about where time went."""
    by_id = {row["span_id"]: row for row in rows}
    kept: set[str] = set()
    for row in sorted(rows, key=lambda row: int(row["duration_ns"]), reverse=True)[:count]:
        above: Span | None = row
        while above and above["span_id"] not in kept:
            kept.add(above["span_id"])
            above = by_id.get(above["parent_span_id"])
    return [row for row in rows if row["span_id"] in kept]
