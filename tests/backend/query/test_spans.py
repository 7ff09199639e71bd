"""The calls themselves: spans page by page, the slowest, the errors by type."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_requests import request
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.errors import ErrorRow, Errors
from spanhouse_backend.query.questions.spans import EventRow, LinkRow, RecordedSpan, Slowest, Spans

pytestmark = pytest.mark.over_both_stores

SERVICE = "pages"
DAY = {"since": "2026-01-05T00:00Z", "until": "2026-01-06T00:00Z"}


@pytest.fixture(scope="module")
def stored(house):
    """Fifty spans of three functions in two inserts, many of them starting in the same nanosecond."""
    pick = random.Random(50)
    messages = []
    for number in range(50):
        message = request(
            SERVICE,
            [pick.randrange(1000, 10**8)],
            name=f"app.{'abc'[number % 3]}",
            start_ns=MONDAY_10H + pick.randrange(4),
            attributes={"n": AnyValue(int_value=number)},
            seed=number,
        )
        messages.append(message)
    house.insert(*messages[:20])
    house.insert(*messages[20:])
    return [message.resource_spans[0].scope_spans[0].spans[0] for message in messages]


def pages(house, **texts):
    """Every answer until the last."""
    cursor = ""
    while True:
        answer = house.ask(Spans, cursor=cursor, **texts)
        yield answer
        cursor = answer.next
        if not cursor:
            return


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("limit", ["1", "7", "25", "50", "51"])
def test_following_next_gives_every_span_once_in_order(house, stored, order, limit):
    answers = list(pages(house, service=SERVICE, order=order, limit=limit, **DAY))
    found = [row.span_id for answer in answers for row in answer.rows]
    expected = sorted(stored, key=lambda span: (span.start_time_unix_nano, span.span_id), reverse=order == "newest")
    assert found == [span.span_id.hex() for span in expected]
    assert all(len(answer.rows) == int(limit) for answer in answers[:-1])
    assert answers[-1].rows


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_an_offset_leaves_out_the_first_and_a_cursor_goes_on_behind_them(house, stored, order):
    texts = {"service": SERVICE, "order": order, **DAY}
    every = house.ask(Spans, limit="100", **texts).rows
    for offset in (0, 1, 7, 41, 49, 50, 1000):
        first = house.ask(Spans, limit="2", offset=str(offset), **texts)
        assert first.rows == every[offset : offset + 2]
        if first.next:
            following = house.ask(Spans, limit="3", offset=str(offset), cursor=first.next, **texts)
            assert following.rows == every[offset + 2 : offset + 5]


def test_a_window_that_moves_does_not_move_between_pages(house, stored):
    """Spans that arrive, or grow too old, between two answers change nothing in what follows."""
    texts = {"service": SERVICE, "filter": "name=app.a", "order": "oldest", "limit": "5"}
    first = house.ask(Spans, since="1h", now_ns=MONDAY_10H + HOUR, **texts)
    second = house.ask(Spans, since="1h", now_ns=MONDAY_10H + 5 * HOUR, cursor=first.next, **texts)
    assert (second.from_ns, second.to_ns) == (first.from_ns, first.to_ns) == (MONDAY_10H, MONDAY_10H + HOUR)
    assert len(second.rows) == 5
    assert not {row.span_id for row in first.rows} & {row.span_id for row in second.rows}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("name^=app.", lambda span: True),
        ("name=app.b duration>50ms", lambda span: span.name == "app.b" and took(span) > 50_000_000),
        ("attr.n<10 or attr.n>=45", lambda span: not 10 <= span.attributes[0].value.int_value < 45),
    ],
)
def test_spans_are_those_that_the_filter_describes(house, stored, text, holds):
    found = {row.span_id for row in house.ask(Spans, service=SERVICE, filter=text, **DAY).rows}
    assert found == {span.span_id.hex() for span in stored if holds(span)}


def took(span):
    return span.end_time_unix_nano - span.start_time_unix_nano


def test_a_span_comes_with_all_that_was_recorded(house):
    message = request("whole", [2500], name="pay", start_ns=MONDAY_10H + 5, attributes={"n": AnyValue(int_value=0)})
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.parent_span_id = bytes(range(8))
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "no funds"
    event = Span.Event(name="retry", time_unix_nano=MONDAY_10H + 7)
    event.attributes.append(KeyValue(key="attempt", value=AnyValue(int_value=2)))
    span.events.append(event)
    span.trace_state = "vendor=1"
    span.links.append(Span.Link(trace_id=b"L" * 16, span_id=b"l" * 8, trace_state="other=2"))
    house.insert(message)
    (row,) = house.ask(Spans, service="whole", **DAY).rows
    assert row == RecordedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id="0001020304050607",
        service="whole",
        name="pay",
        kind="Internal",
        start_unix_ns=MONDAY_10H + 5,
        duration_ns=2500,
        status="Error",
        status_message="no funds",
        scope="tests",
        scope_version="1",
        trace_state="vendor=1",
        attributes={"n": "0"},
        resource={"service.name": "whole"},
        events=(EventRow("retry", MONDAY_10H + 7, {"attempt": "2"}),),
        links=(LinkRow((b"L" * 16).hex(), (b"l" * 8).hex(), "other=2", {}),),
    )
    document = house.get("/api/v1/spans?service=whole&since=2026-01-05").json()
    assert document["next"] == ""
    assert document["rows"][0]["events"] == [
        {"name": "retry", "time_unix_ns": MONDAY_10H + 7, "attributes": {"attempt": "2"}}
    ]


def test_a_cursor_belongs_to_its_order(house, stored):
    answer = house.ask(Spans, service=SERVICE, order="oldest", limit="5", **DAY)
    with pytest.raises(InvalidQuestion, match="it goes on with the oldest first") as refused:
        house.ask(Spans, service=SERVICE, order="newest", cursor=answer.next, **DAY)
    assert refused.value.parameter == "cursor"


@given(st.text(max_size=60) | st.binary(max_size=60).map(bytes.hex))
def test_what_is_no_cursor_is_refused(text):
    if text:
        with pytest.raises(InvalidQuestion, match="cursor"):
            Spans.read({"cursor": text}, MONDAY_10H)


@pytest.mark.parametrize(
    "parts",
    [
        '["newest",0,1,2]',
        '["newest",0,1,0,"\\ud800",""]',
        '["newest",0,1,2,3,4]',
        '["newest",0,1,-2,"",""]',
        "[1]",
        "{}",
    ],
)
def test_a_cursor_that_was_made_up_is_refused(parts):
    with pytest.raises(InvalidQuestion, match="cursor"):
        Spans.read({"cursor": base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")}, MONDAY_10H)


def test_the_slowest_calls_come_with_their_traces(house, stored):
    rows = house.ask(Slowest, service=SERVICE, limit="3", **DAY).rows
    expected = sorted(stored, key=took, reverse=True)[:3]
    assert [(row.trace_id, row.duration_ns) for row in rows] == [(span.trace_id.hex(), took(span)) for span in expected]
    (row,) = house.ask(Slowest, service=SERVICE, limit="1", filter="name=app.c", **DAY).rows
    assert row.duration_ns == max(took(span) for span in stored if span.name == "app.c")


def test_errors_are_counted_by_function_and_type(house):
    def failing(seed, name, offset, *, attribute="", exception="", said="", message=""):
        made = request("failing", [1000], name=name, start_ns=MONDAY_10H + offset, seed=seed)
        span = made.resource_spans[0].scope_spans[0].spans[0]
        span.status.code, span.status.message = Status.STATUS_CODE_ERROR, message
        if attribute:
            span.attributes.append(KeyValue(key="error.type", value=AnyValue(string_value=attribute)))
        if exception:
            event = Span.Event(name="exception")
            event.attributes.append(KeyValue(key="exception.type", value=AnyValue(string_value=exception)))
            event.attributes.append(KeyValue(key="exception.message", value=AnyValue(string_value=said)))
            span.events.append(event)
        return made

    latest = failing(2, "pay", 20, exception="ValueError", said="second", message="ValueError: second")
    timeout = failing(3, "pay", 5, attribute="timeout", message="too late")
    odd = failing(4, "look", 7)
    house.insert(
        failing(1, "pay", 10, exception="ValueError", said="first"),
        latest,
        timeout,
        odd,
        request("failing", [1000] * 5, name="pay", start_ns=MONDAY_10H),
    )

    def trace(message):
        return message.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()

    answer = house.ask(Errors, service="failing", **DAY)
    assert answer.rows == (
        ErrorRow("failing", "pay", "ValueError", 2, MONDAY_10H + 10, MONDAY_10H + 20, "second", trace(latest)),
        ErrorRow("failing", "look", "", 1, MONDAY_10H + 7, MONDAY_10H + 7, "", trace(odd)),
        ErrorRow("failing", "pay", "timeout", 1, MONDAY_10H + 5, MONDAY_10H + 5, "too late", trace(timeout)),
    )
    assert [row.type for row in house.ask(Errors, service="failing", filter="error.type=timeout", **DAY).rows] == [
        "timeout"
    ]
    assert house.ask(Errors, service="failing", limit="1", **DAY).rows == answer.rows[:1]
