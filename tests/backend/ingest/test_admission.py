"""Admission: one budget, shares that leave room for others, and a time to come again that keeps people apart."""

import contextlib
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.errors import Overloaded
from spanhouse_backend.ingest.admission import MAX_RETRY_SECONDS, MIN_CLAIM_BYTES, Admission

BUDGET = 256 * MIN_CLAIM_BYTES


def flood(admission, sender, size=MIN_CLAIM_BYTES):
    """Claims of one sender until it is refused; how many there were."""
    for count in range(BUDGET):
        try:
            admission.claim(sender).hold(size)
        except Overloaded:
            return count
    raise AssertionError("is never refused")


def test_a_senders_only_request_may_take_everything():
    admission = Admission(BUDGET)
    with admission.claim("one") as claim:
        for _ in range(BUDGET // MIN_CLAIM_BYTES):
            claim.take(MIN_CLAIM_BYTES)
        with pytest.raises(Overloaded, match=rf"{BUDGET} bytes of requests are waiting .*, and {BUDGET} may"):
            claim.take(1)
        assert admission.held_bytes == BUDGET
    assert admission.held_bytes == 0


def test_floods_leave_room_for_who_comes_with_little():
    """One flood is stopped at half of the budget, the next ones at half of what that leaves, and so on."""
    admission = Admission(BUDGET)
    counts = [flood(admission, f"flood-{number}") for number in range(4)]
    assert counts == [128, 64, 32, 16]
    for number in range(8):
        admission.claim(f"small-{number}").hold(100)


def test_a_flood_that_is_over_leaves_nothing_behind():
    admission = Admission(BUDGET)
    claims = [admission.claim("flood") for _ in range(100)]
    for claim in claims:
        claim.hold(MIN_CLAIM_BYTES)
    for claim in claims:
        claim.release()
    assert (admission.held_bytes, admission._held) == (0, {})


def test_bytes_are_held_until_the_last_holder_lets_go():
    """The queue keeps what a sender who went away had sent: it is in memory all the same."""
    admission = Admission(BUDGET)
    with admission.claim("one") as claim:
        claim.hold(100_000)
        claim.keep()
    assert admission.held_bytes == 100_000
    claim.release()
    assert admission.held_bytes == 0


def test_a_refused_claim_holds_what_it_held_before():
    admission = Admission(BUDGET)
    admission.claim("other").hold(BUDGET // 2)
    with admission.claim("one") as claim:
        claim.hold(BUDGET // 4)
        with pytest.raises(Overloaded):
            claim.hold(BUDGET)
        assert admission.held_bytes == BUDGET // 2 + BUDGET // 4
        claim.hold(MIN_CLAIM_BYTES)
        assert admission.held_bytes == BUDGET // 2 + MIN_CLAIM_BYTES


def refusal(admission):
    with pytest.raises(Overloaded) as refused:
        admission.claim("late").hold(BUDGET // 8)
    return refused.value.retry_seconds


def test_who_is_refused_comes_again_later_the_more_were_refused_before_and_not_together():
    admission = Admission(BUDGET)
    admission.claim("one").hold(BUDGET)
    delays = [refusal(admission) for _ in range(400)]
    assert all(1 <= delay <= 1.5 * MAX_RETRY_SECONDS for delay in delays)
    tens = [statistics.median(delays[at : at + 10]) for at in (0, 20, 40)]
    assert tens == sorted(tens)
    assert tens[-1] > 2 * tens[0]
    assert len({round(delay, 3) for delay in delays[:20]}) > 10


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, BUDGET)), max_size=60))
def test_no_order_of_claims_holds_more_than_the_budget_or_loses_count(steps):
    admission = Admission(BUDGET)
    claims = {}
    for sender, total in steps:
        claim = claims.setdefault((sender, total % 3), admission.claim(f"sender-{sender}"))
        with contextlib.suppress(Overloaded):
            claim.hold(total)
        assert admission.held_bytes == sum(one.held_bytes for one in claims.values()) <= BUDGET
    for claim in claims.values():
        claim.release()
    assert (admission.held_bytes, admission._held) == (0, {})
