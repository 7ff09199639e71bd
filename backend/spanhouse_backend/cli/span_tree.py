"""Spans in the order a reader wants them: each below its parent, brothers by start.

Traces come from the network: a parent may be missing, a span its own ancestor, an id repeated, a chain as deep as
the trace is long. Every span is shown exactly once all the same.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from spanhouse_backend.query.questions.trace import SpanRow

# Deeper levels are drawn like this one: a chain of 10,000 spans must not make lines of 30,000 characters.
_MAX_DEPTH = 40


def tree_order(rows: Sequence[SpanRow]) -> Iterator[tuple[str, SpanRow]]:
    """Yields each row with the branches to draw before its name; `rows` are in order of start."""
    indexes = {row.span_id: index for index, row in enumerate(rows)}
    children: dict[str, list[int]] = {}
    roots: list[int] = []
    for index, row in enumerate(rows):
        if row.parent_span_id in indexes:
            children.setdefault(row.parent_span_id, []).append(index)
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
            below = [child for child in children.get(rows[index].span_id, ()) if child not in shown]
            for child in reversed(below):
                last = child == below[-1]
                if depth < _MAX_DEPTH:
                    stack.append(
                        (child, beneath + ("└─ " if last else "├─ "), beneath + ("   " if last else "│  "), depth + 1)
                    )
                else:
                    stack.append((child, branches, beneath, depth))


def longest(rows: Sequence[SpanRow], count: int) -> list[SpanRow]:
    """The `count` longest spans and the ones they are in, in order of start: what tells most about where time went."""
    by_id = {row.span_id: row for row in rows}
    kept: set[str] = set()
    for row in sorted(rows, key=lambda row: row.duration_ns, reverse=True)[:count]:
        above: SpanRow | None = row
        while above and above.span_id not in kept:
            kept.add(above.span_id)
            above = by_id.get(above.parent_span_id)
    return [row for row in rows if row.span_id in kept]
