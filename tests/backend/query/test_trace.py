"""One trace, wherever its spans are."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import HOUR, MONDAY_10H

from spanhouse_backend.query.questions import trace as trace_module
from spanhouse_backend.query.questions.trace import SpanRow

pytestmark = pytest.mark.over_both_stores

MIDNIGHT = MONDAY_10H + 14 * HOUR
# Days that no other test stores spans of: parts of one day merge, and what the engine skips depends on its parts.
LONELY_SECOND = MONDAY_10H + 24 * 30 * HOUR


def test_a_span_comes_back_with_all_a_row_says(house):
    message = request(
        "one", [2500], name="pay", start_ns=LONELY_SECOND + 999_999_999, attributes={"n": AnyValue(int_value=0)}
    )
    span = message.resource_spans[0].scope_spans[0].spans[0]
    span.parent_span_id = bytes(range(8))
    span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "no funds"
    house.insert(message)
    answer = house.trace(span.trace_id.hex())
    assert answer.rows == (
        SpanRow(
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_span_id="0001020304050607",
            service="one",
            name="pay",
            kind="Internal",
            start_unix_ns=LONELY_SECOND + 999_999_999,
            duration_ns=2500,
            status="Error",
            status_message="no funds",
            attributes={"n": "0"},
            self_ns=2500,
            critical_ns=2500,
        ),
    )
    assert (answer.from_ns, answer.to_ns) == (LONELY_SECOND + 999_999_999, LONELY_SECOND + 1_000_002_499)


def test_spans_come_in_order_of_start_from_every_service_day_and_insert(house):
    """A parent that starts with its child comes before it; a trace may span midnight, and arrive in pieces."""
    starts = [MIDNIGHT - 5_000_000_000, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 3 * HOUR]
    messages = [request(f"part-{index}", [100], start_ns=start) for index, start in enumerate(starts)]
    child = request("part-4", [50], start_ns=MIDNIGHT)
    for message in (*messages, child):
        span = message.resource_spans[0].scope_spans[0].spans[0]
        span.trace_id = b"T" * 16
        span.span_id = b"C" * 8 if message is child else b"P" * 8
    for message in (child, *reversed(messages)):
        house.insert(message)
    answer = house.trace((b"T" * 16).hex())
    assert [row.service for row in answer.rows] == ["part-0", "part-1", "part-2", "part-4", "part-3"]
    assert not answer.truncated


def test_an_unknown_trace_has_no_rows(house):
    answer = house.trace("f" * 32)
    assert (answer.rows, answer.truncated, answer.from_ns, answer.to_ns) == ((), False, 0, 0)


def test_a_trace_larger_than_an_answer_is_cut_and_says_so(house, monkeypatch):
    message = request("large", [1000] * 5, start_ns=MONDAY_10H)
    spans = message.resource_spans[0].scope_spans[0].spans
    for span in spans:
        span.trace_id = b"L" * 16
    house.insert(message)
    monkeypatch.setattr(trace_module, "MAX_TRACE_SPANS", 3)
    answer = house.trace((b"L" * 16).hex())
    assert [row.span_id for row in answer.rows] == [span.span_id.hex() for span in spans[:3]]
    assert answer.truncated
