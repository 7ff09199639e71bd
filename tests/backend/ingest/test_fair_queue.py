"""The fair queue: everybody's order is kept, nobody is forgotten, and little goes before much."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.ingest.fair_queue import FairQueue


def emptied(queue):
    return [queue.take() for _ in range(len(queue))]


def test_senders_of_the_same_take_turns():
    queue = FairQueue()
    for number in range(3):
        queue.put("a", 10, f"a{number}")
    for number in range(3):
        queue.put("b", 10, f"b{number}")
    assert emptied(queue) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_who_sends_little_is_behind_one_item_of_each_other_at_most():
    queue = FairQueue()
    for sender in ("a", "b"):
        for number in range(100):
            queue.put(sender, 1_000_000, f"{sender}{number}")
    before = [queue.take() for _ in range(7)]
    queue.put("small", 1000, "small")
    assert queue.next == "b3"  # of the same turn as a3, which went last
    assert [queue.take(), queue.take()] == ["b3", "small"]
    assert before == ["a0", "b0", "a1", "b1", "a2", "b2", "a3"]


def test_turns_are_by_bytes_not_by_items():
    queue = FairQueue()
    for number in range(2):
        queue.put("large", 100, f"large{number}")
    for number in range(10):
        queue.put("small", 20, f"small{number}")
    order = emptied(queue)
    assert order.index("large0") == 4
    assert order.index("large1") == 10


def test_an_empty_queue_has_no_next():
    queue = FairQueue()
    assert not queue
    with pytest.raises(IndexError):
        queue.take()


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(1, 1000))), max_size=80))
def test_each_senders_order_is_kept_and_nothing_is_lost(steps):
    queue, put, taken = FairQueue(), defaultdict(list), defaultdict(list)
    for number, step in enumerate(steps):
        if step is not None:
            sender, size = step
            queue.put(str(sender), size, (sender, number))
            put[sender].append(number)
        elif queue:
            sender, first = queue.take()
            taken[sender].append(first)
    for sender, number in emptied(queue):
        taken[sender].append(number)
    assert taken == put
    assert (len(queue), queue._ends) == (0, {})
