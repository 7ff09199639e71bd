"""Own times and critical paths of traces drawn by hand, and of any trace at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.query.critical_path import Timed, time_taken


def took(*spans):
    """{span: (self, critical)} of spans written "name parent start end"."""
    rows = [Timed(name, parent.strip("-"), int(start), int(end)) for name, parent, start, end in map(str.split, spans)]
    return {row.span_id: tuple(taken) for row, taken in zip(rows, time_taken(rows), strict=True)}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (["a - 0 10"], {"a": (10, 10)}),
        # One after the other: both children, and the root in between.
        (["a - 0 10", "b a 1 4", "c a 5 9"], {"a": (3, 3), "b": (3, 3), "c": (4, 4)}),
        # At the same time: only the one that ended last was waited for.
        (["a - 0 10", "b a 1 4", "c a 1 9"], {"a": (2, 2), "b": (3, 0), "c": (8, 8)}),
        # Overlapping: the first ran on when the second began, so the root itself began the second.
        (["a - 0 10", "b a 1 6", "c a 5 9"], {"a": (2, 6), "b": (5, 0), "c": (4, 4)}),
        # Grandchildren, to any depth.
        (["a - 0 10", "b a 2 8", "c b 3 7"], {"a": (4, 4), "b": (2, 2), "c": (4, 4)}),
        # A child that outlives its parent counts until the parent's end, one that begins later not at all.
        (["a - 0 10", "b a 5 20", "c a 12 15"], {"a": (5, 5), "b": (15, 5), "c": (3, 0)}),
        # One that began before its parent counts from the parent's beginning.
        (["a - 5 10", "b a 0 8"], {"a": (2, 2), "b": (8, 3)}),
        # The longest root has the path; a missing parent makes a root.
        (["a - 0 3", "b missing 0 10"], {"a": (3, 0), "b": (10, 10)}),
        # Nothing but circles: no root, no path.
        (["a b 0 10", "b a 0 10"], {"a": (0, 0), "b": (0, 0)}),
        (["a a 0 10"], {"a": (10, 10)}),
        (["a - 0 0", "b a 0 0"], {"a": (0, 0), "b": (0, 0)}),
    ],
)
def test_own_time_and_critical_path(spans, expected):
    assert took(*spans) == expected


def test_a_chain_as_long_as_a_trace_may_be_is_no_trouble():
    chain = [Timed(str(n), str(n - 1), n, 20_000 - n) for n in range(10_000)]
    taken = time_taken(chain)
    assert all(took.self_ns == took.critical_ns for took in taken)
    assert sum(took.critical_ns for took in taken) == 20_000


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50), st.integers(0, 50)), max_size=12))
def test_the_critical_path_is_as_long_as_its_root_and_no_time_is_negative(drawn):
    """Whatever circles, orphans and overlaps there are."""
    spans = [Timed(str(n), str(parent), start, start + length) for n, (parent, start, length) in enumerate(drawn)]
    taken = time_taken(spans)
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_span_id not in ids or span.parent_span_id == span.span_id]
    longest = max((root.end_ns - root.start_ns for root in roots), default=0)
    assert sum(took.critical_ns for took in taken) == longest
    for span, own in zip(spans, taken, strict=True):
        assert 0 <= own.self_ns <= span.end_ns - span.start_ns
        assert 0 <= own.critical_ns <= span.end_ns - span.start_ns
