"""Every span has one place in the tree, whatever the network sent."""

from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.cli.span_tree import longest, tree_order


def span(span_id, parent="", *, start=0, duration=10):
    return {"span_id": span_id, "parent_span_id": parent, "start_unix_ns": start, "duration_ns": duration}


def drawn(rows):
    return [branches + row["span_id"] for branches, row in tree_order(rows)]


def test_children_hang_below_their_parents():
    rows = [span("a"), span("b", "a"), span("d", "b"), span("c", "a"), span("e", "c"), span("f")]
    assert drawn(rows) == ["a", "├─ b", "│  └─ d", "└─ c", "   └─ e", "f"]


def test_a_span_whose_parent_is_not_there_is_a_root():
    assert drawn([span("a", "gone"), span("b", "a")]) == ["a", "└─ b"]


def test_a_span_that_is_its_own_ancestor_is_shown():
    assert drawn([span("a", "b"), span("b", "a"), span("c", "c")]) == ["a", "└─ b", "c"]


def test_a_chain_as_deep_as_a_trace_can_be_stays_drawable():
    rows = [span("0"), *(span(str(n), str(n - 1)) for n in range(1, 10_000))]
    lines = list(tree_order(rows))
    assert [row for _, row in lines] == rows
    assert max(len(branches) for branches, _ in lines) == 3 * 40


NAMES = st.sampled_from("abcdefgh")


@given(st.lists(st.tuples(NAMES, NAMES | st.just(""))))
def test_every_span_is_shown_exactly_once(ids):
    rows = [span(span_id, parent, start=index) for index, (span_id, parent) in enumerate(ids)]
    assert sorted(row["start_unix_ns"] for _, row in tree_order(rows)) == list(range(len(rows)))


def test_the_longest_spans_are_kept_with_those_they_are_in():
    rows = [span("a", duration=5), span("b", "a", duration=1), span("c", "b", duration=90), span("d", "a", duration=4)]
    assert [row["span_id"] for row in longest(rows, 1)] == ["a", "b", "c"]
    assert [row["span_id"] for row in longest(rows, 3)] == ["a", "b", "c", "d"]
