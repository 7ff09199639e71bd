"""What an event is on the wire, and what is none."""

import enum
import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from opentelemetry.sdk.trace import TracerProvider
from otlp_receiver import attributes, value

import spanhouse
from spanhouse.events import InvalidEvent
from spanhouse.events.event_bytes import encoded_events
from spanhouse.events.event_times import event_time

MOMENT_NS = 1_769_851_800_123_456_789
MOMENT = "2026-01-31T09:30:00.123456789Z"


def records(given):
    """The records of a put, as the official class reads them."""
    return {
        stream: list(ScopeLogs.FromString(b"".join(encoded)).log_records)
        for stream, encoded in encoded_events(given).items()
    }


def one(event):
    (found,) = records({"s": [event]})["s"]
    return found


def test_an_event_is_kept_twice():
    """The stream is the event's name; its keys are attributes, and the whole is JSON in the body."""
    event = {"user": 40, "paid": True, "ratio": 0.5, "page": {"path": "/té"}, "tags": ["a", 2, None], "gone": None}
    found = one({**event, "@library": "x"})
    assert found.event_name == "s"
    assert json.loads(value(found.body)) == {**event, "@library": "x"}
    assert attributes(found) == {
        "user": 40,
        "paid": True,
        "ratio": 0.5,
        "page": '{"path":"/té"}',
        "tags": '["a",2,null]',
        "@library": "x",
    }


def test_what_was_read_can_be_put_again():
    """`@id` is the server's, and `@time` the record's: neither is in the payload."""
    found = one({"@id": "ab" * 16, "@time": MOMENT, "user": 40})
    assert found.time_unix_nano == MOMENT_NS
    assert value(found.body) == '{"user":40}'
    assert attributes(found) == {"user": 40}


def test_events_of_one_put_stay_in_order():
    """Those without a time are a nanosecond apart, over all streams of the put."""
    before = time.time_ns()
    found = records({"a": [{"n": 0}, {"n": 1}], "b": [{"n": 2}]})
    times = [record.time_unix_nano for of_stream in found.values() for record in of_stream]
    assert times == list(range(times[0], times[0] + 3))
    assert before <= times[0] <= time.time_ns()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (MOMENT, MOMENT_NS),
        ("2026-01-31T10:30:00.123456789+01:00", MOMENT_NS),
        ("2026-01-31 09:30", 1_769_851_800 * 10**9),
        (MOMENT_NS, MOMENT_NS),
        (1_769_851_800, 1_769_851_800 * 10**9),
        (1_769_851_800_123, 1_769_851_800_123 * 10**6),
        (1.5, 1_500_000_000),
        (datetime(2026, 1, 31, 9, 30, 0, 123456, UTC), 1_769_851_800_123_456_000),
        (datetime(2026, 1, 31, 9, 30, 0, 123456), 1_769_851_800_123_456_000),  # noqa: DTZ001 - what is tested
        (datetime(2026, 1, 31, 10, 30, tzinfo=timezone(timedelta(hours=1))), 1_769_851_800 * 10**9),
    ],
)
def test_times(given, expected):
    """ISO 8601 with up to nine digits, Unix times in any unit, and datetimes, which are UTC where they do not say."""
    assert event_time(given) == expected


@given(st.integers(24 * 3600 * 10**6, 135 * 365 * 24 * 3600 * 10**6), st.integers(-14 * 60, 14 * 60))
def test_any_moment_is_the_same_as_datetime_and_as_text(microseconds, minutes):
    """Whatever zone it is told in."""
    zone = timezone(timedelta(minutes=minutes))
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone)
    expected = microseconds * 1000
    assert event_time(moment) == event_time(moment.isoformat()) == expected


def test_events_name_the_span_that_puts_them():
    """As log records do."""
    with TracerProvider().get_tracer("x").start_as_current_span("work"):
        found = one({"a": 1})
        its = trace.get_current_span().get_span_context()
    assert (found.trace_id, found.span_id) == (its.trace_id.to_bytes(16, "big"), its.span_id.to_bytes(8, "big"))


class Word(str, enum.Enum):  # noqa: UP042 - whose text is not what it is worth
    TEA = "tea"


def test_members_of_enumerations_are_what_json_has_of_them():
    """In both places."""
    found = one({"word": Word.TEA})
    assert attributes(found) == {"word": "tea"}
    assert value(found.body) == '{"word":"tea"}'


CYCLIC = []
CYCLIC.append(CYCLIC)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([{"a": 1}], "put takes"),
        ({"": [{}]}, "name"),
        ({3: [{}]}, "name"),
        ({"s": {"a": 1}}, "not a list of events"),
        ({"s": "text"}, "not a list of events"),
        ({"s": 5}, "not a list of events"),
        ({"s": [{"a": 1}, 5]}, "s, event 1: 5 is not a mapping"),
        ({"s": [{3: "x"}]}, "the key 3"),
        ({"s": [{"a": b"x"}]}, "s, event 0: .*bytes"),
        ({"s": [{"a": float("nan")}]}, "s, event 0: .*not JSON compliant"),
        ({"s": [{"a": CYCLIC}]}, "s, event 0: "),
        ({"s": [{"@time": "soon"}]}, "s, event 0: 'soon'"),
        ({"s": [{"@time": True}]}, "s, event 0: True"),
        ({"s": [{"@time": -1}]}, "1970"),
        ({"s": [{"@time": 1e300}]}, "2106"),
    ],
)
def test_what_is_no_event(given, problem):
    """InvalidEvent, a ValueError, says which and why, and nothing of the put is made."""
    with pytest.raises(InvalidEvent, match=problem) as caught:
        encoded_events(given)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, spanhouse.SpanhouseError)
    assert len(str(caught.value)) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda key: key not in {"@time", "@id"}), _JSON, max_size=5))
def test_whatever_json_says_comes_back_from_the_body(payload):
    """And every key that is not null is an attribute."""
    found = one(payload)
    assert json.loads(value(found.body)) == payload
    assert set(attributes(found)) == {key for key, kept in payload.items() if kept is not None}
