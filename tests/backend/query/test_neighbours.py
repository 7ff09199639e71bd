"""Who calls a function, and what it calls."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions import neighbours
from spanhouse_backend.query.questions.neighbours import Callees, Callers

WINDOW = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T11:00Z"}


def span(house, service, name, duration_ns, *, under=None, start_ns=MONDAY_10H, error=False, seed=0):
    """Stores one span, under another; gives its ids."""
    message = request(service, [duration_ns], name=name, start_ns=start_ns, seed=seed)
    made = message.resource_spans[0].scope_spans[0].spans[0]
    if under:
        made.trace_id, made.parent_span_id = under
    if error:
        made.status.code = Status.STATUS_CODE_ERROR
    house.insert(message)
    return made.trace_id, made.span_id


@pytest.fixture(scope="module")
def shop(house):
    """`pay` is called twice by `api/order`, once by `cron/retry`, once by nobody, once by a span that is not stored.

    It calls `bank/charge` in each of the first two calls, and `write` three times in the first.
    """
    for number, error in ((1, False), (2, True)):
        order = span(house, "api", "order", 1000 * number, start_ns=MONDAY_10H + number, seed=number)
        pay = span(house, "till", "pay", 100 * number, under=order, start_ns=MONDAY_10H + number, error=error)
        span(house, "bank", "charge", 50, under=pay, error=error, seed=number)
        for again in range(3 if number == 1 else 0):
            span(house, "till", "write", 10 + again, under=pay, seed=again)
    retry = span(house, "cron", "retry", 900)
    span(house, "till", "pay", 300, under=retry, seed=3)
    span(house, "till", "pay", 150, seed=4)
    span(house, "till", "pay", 250, under=(b"O" * 16, b"G" * 8), seed=5)


def test_callers_are_the_parents_of_its_spans(house, shop):
    """With the calls as the function recorded them: their number, failures, time and share of all its time."""
    answer = house.ask(Callers, service="till", name="pay", **WINDOW)
    assert (answer.source, answer.accuracy) == ("raw", "exact")
    assert (answer.calls, answer.looked_up, answer.roots, answer.orphans) == (5, 5, 1, 1)
    # Of equal totals the names decide.
    assert [(row.service, row.name, row.calls, row.errors, row.total_ns) for row in answer.rows] == [
        ("api", "order", 2, 1, 300),
        ("cron", "retry", 1, 0, 300),
    ]
    order = answer.rows[0]
    assert (order.mean_ns, order.p50_ns, order.p99_ns, order.share) == (150, 100, 200, 0.3)


def test_callees_are_the_children_of_its_spans(house, shop):
    """In whatever service: and their share is of the time of all calls of the function."""
    answer = house.ask(Callees, service="till", name="pay", **WINDOW)
    assert (answer.calls, answer.looked_up) == (5, 5)
    assert [(row.service, row.name, row.calls, row.errors, row.total_ns) for row in answer.rows] == [
        ("bank", "charge", 2, 1, 100),
        ("till", "write", 3, 0, 33),
    ]
    write = answer.rows[1]
    assert (write.mean_ns, write.p50_ns, write.p99_ns, write.share) == (11, 11, 12, 0.033)


def test_a_filter_is_about_the_function_itself(house, shop):
    """Not about its callers or callees."""
    failed = {"service": "till", "name": "pay", "filter": "status=error", **WINDOW}
    assert [(row.name, row.calls, row.share) for row in house.ask(Callers, **failed).rows] == [("order", 1, 1.0)]
    assert [(row.name, row.calls, row.share) for row in house.ask(Callees, **failed).rows] == [("charge", 1, 0.25)]


def test_limit_keeps_what_takes_most_and_counts_what_has_no_caller(house, shop):
    answer = house.ask(Callers, service="till", name="pay", limit="1", **WINDOW)
    assert ([row.name for row in answer.rows], answer.roots, answer.orphans) == (["order"], 1, 1)


def test_a_neighbour_may_lie_outside_the_window(house):
    """The window is that of the function's calls: callers begin before them, on whatever day, and callees after."""
    begun = span(house, "far", "job", 40 * HOUR, start_ns=MONDAY_10H - 36 * HOUR)
    called = span(house, "far", "step", MINUTE, under=begun, start_ns=MONDAY_10H + HOUR - 1)
    span(house, "far", "late", 10, under=called, start_ns=MONDAY_10H + 20 * HOUR)
    assert [row.name for row in house.ask(Callers, service="far", name="step", **WINDOW).rows] == ["job"]
    assert [row.name for row in house.ask(Callees, service="far", name="step", **WINDOW).rows] == ["late"]
    assert house.ask(Callees, service="far", name="job", **WINDOW).calls == 0


def test_a_function_that_calls_itself_is_its_own_neighbour(house):
    outer = span(house, "recursive", "walk", 100)
    span(house, "recursive", "walk", 60, under=outer, seed=1)
    for question in (Callers, Callees):
        (row,) = house.ask(question, service="recursive", name="walk", **WINDOW).rows
        assert (row.name, row.calls, row.share) == ("walk", 1, 60 / 160)


def test_the_same_ids_in_another_trace_are_another_span(house):
    """A span's id is unique within its trace only."""
    _, span_id = span(house, "twins", "one", 100)
    span(house, "twins", "called", 10, under=(b"x" * 16, span_id))
    assert house.ask(Callers, service="twins", name="called", **WINDOW).orphans == 1
    assert house.ask(Callees, service="twins", name="one", **WINDOW).rows == ()


def test_a_parent_that_is_stored_twice_is_one_caller(house):
    parent = span(house, "twice", "parent", 100)
    # Another request with the same span: its bytes differ, so it is stored.
    again = request("twice", [200], name="parent", start_ns=MONDAY_10H)
    again.resource_spans[0].scope_spans[0].spans[0].trace_id = parent[0]
    again.resource_spans[0].scope_spans[0].spans[0].span_id = parent[1]
    house.insert(again)
    span(house, "twice", "child", 10, under=parent)
    (row,) = house.ask(Callers, service="twice", name="child", **WINDOW).rows
    assert (row.name, row.calls) == ("parent", 1)


def test_of_very_many_calls_some_are_looked_up(house, monkeypatch):
    """About every so many-th, the same ones each time; shares are of those, and a note says so."""
    monkeypatch.setattr(neighbours, "MAX_LOOKED_UP", 100)
    parent = span(house, "busy", "loop", 10_000)
    message = request("busy", [10] * 1000, name="inner", start_ns=MONDAY_10H)
    for child in message.resource_spans[0].scope_spans[0].spans:
        child.trace_id, child.parent_span_id = parent
    house.insert(message)
    answer = house.ask(Callers, service="busy", name="inner", **WINDOW)
    assert answer.calls == 1000
    assert 50 < answer.looked_up < 200
    (row,) = answer.rows
    assert (row.calls, row.share) == (answer.looked_up, 1.0)
    assert answer.notes == (f"of 1,000 calls {answer.looked_up} were looked up: about every 10th, picked by their ids",)
    assert house.ask(Callers, service="busy", name="inner", **WINDOW).looked_up == answer.looked_up


@pytest.mark.parametrize("question", [Callers, Callees])
def test_of_nothing_there_are_no_neighbours_and_the_function_has_to_be_named(house, question):
    answer = house.ask(question, name="nothing of this name", **WINDOW)
    assert (answer.calls, answer.looked_up, answer.rows) == (0, 0, ())
    with pytest.raises(InvalidQuestion, match="name: is missing"):
        question.read({"service": "shop"}, MONDAY_10H)
