"""Where the time of a trace went: each span's own time, and its share of the critical path.

A span's own time is what none of its children ran in. The critical path is the chain of work that the trace's end
waited for: going back from the end of the root, it is in the child that ended last, then in whatever that one waited
for, and where no child was running, in the span itself. Shortening anything else makes the trace no shorter. Children
count only while their parent runs: what outlives it (work handed over, clocks of two machines) is cut.

Traces come from the network: parents may be missing, spans their own ancestors, ids repeated, chains as deep as the
trace is long. Nothing here recurses, and every span is entered at most once.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Timed(NamedTuple):
    """One span: its ids, and when it began and ended in nanoseconds."""

    span_id: str
    parent_span_id: str
    start_ns: int
    end_ns: int


class Took(NamedTuple):
    """A span's own time, and its part of the critical path, in nanoseconds."""

    self_ns: int
    critical_ns: int


class _Entered(NamedTuple):
    """A span that the walk is in: when it began, and (end, start, number) of its children, the last to end last."""

    number: int
    start_ns: int
    children: list[tuple[int, int, int]]


def time_taken(spans: Sequence[Timed]) -> list[Took]:
    """What each span took, in their order. The critical path is that of the longest root (the first of equals)."""
    children = _children(spans)
    critical = [0] * len(spans)
    _walk_back(spans, children, critical)
    return [
        Took(_own_ns(span, [spans[child] for child in children[index]]), critical[index])
        for index, span in enumerate(spans)
    ]


def _children(spans: Sequence[Timed]) -> list[list[int]]:
    indexes = {span.span_id: index for index, span in enumerate(spans)}
    children: list[list[int]] = [[] for _ in spans]
    for index, span in enumerate(spans):
        parent = indexes.get(span.parent_span_id)
        if parent is not None and parent != index:
            children[parent].append(index)
    return children


def _own_ns(span: Timed, children: list[Timed]) -> int:
    """The span's time less the union of its children's, each cut to the span."""
    covered, until = 0, span.start_ns
    for child in sorted(children, key=lambda child: child.start_ns):
        begin, end = max(child.start_ns, until), min(child.end_ns, span.end_ns)
        if end > begin:
            covered += end - begin
            until = end
    return span.end_ns - span.start_ns - covered


def _walk_back(spans: Sequence[Timed], children: list[list[int]], critical: list[int]) -> None:
    inside = {child for brood in children for child in brood}
    roots = [index for index in range(len(spans)) if index not in inside]
    if not roots:
        return
    root = max(roots, key=lambda index: spans[index].end_ns - spans[index].start_ns)
    seen = {root}
    now = spans[root].end_ns

    def enter(index: int, start_ns: int) -> _Entered:
        ends = [(min(spans[child].end_ns, now), spans[child].start_ns, child) for child in children[index]]
        return _Entered(index, max(spans[index].start_ns, start_ns), sorted(ends))

    stack = [enter(root, 0)]
    while stack:
        index, start_ns, waiting = stack[-1]
        if not waiting:
            critical[index] += max(0, now - start_ns)
            now = min(now, start_ns)
            stack.pop()
            continue
        end, child_start, child = waiting.pop()
        # One that ran on when the next began was not what that waited for.
        if child not in seen and child_start < end <= now and end > start_ns:
            critical[index] += now - end
            now = end
            seen.add(child)
            stack.append(enter(child, start_ns))
