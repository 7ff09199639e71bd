"""Times as programs write them: every form means the same moment, to the nanosecond where the form can say it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.ingest.posted_times import posted_time

NS = 1_769_852_430_123_456_789  # 2026-01-31T09:40:30.123456789Z
MICROSECONDS = NS // 1000 * 1000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (NS, NS),
        (str(NS), NS),
        (NS // 1000, MICROSECONDS),
        (NS // 10**6, NS // 10**6 * 10**6),
        (NS // 10**9, NS // 10**9 * 10**9),
        ("2026-01-31T09:40:30.123456789Z", NS),
        ("2026-01-31T09:40:30.1234567891234+00:00", NS),
        ("2026-01-31 10:40:30.123456+01:00", MICROSECONDS),
        ("2026-01-31 09:40:30,123", NS // 10**6 * 10**6),
        ("20260131T094030Z", NS // 10**9 * 10**9),
        ("2026-01-31", 1_769_817_600 * 10**9),
    ],
)
def test_every_form_of_a_moment_is_that_moment(written, expected):
    assert posted_time(written) == expected


@given(st.integers(10**13, 4 * 10**15), st.integers(-14 * 60, 14 * 60))
def test_what_python_writes_is_read_back(microseconds, minutes):
    """ISO 8601 in any zone, and the Unix time as a float, which is `created` of a LogRecord."""
    zone = timezone(timedelta(minutes=minutes))
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(zone)
    expected = microseconds * 1000
    assert posted_time(moment.isoformat()) == expected
    assert posted_time(moment.isoformat(" ")) == expected
    assert abs(posted_time(moment.timestamp()) - expected) < 2000
    assert abs(posted_time(str(moment.timestamp())) - expected) < 2000


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("yesterday", "'yesterday' is not a time"),
        (True, "true is not a time"),
        ([], "a list is not a time"),
        ("2026-13-01", "not a time"),
        ("9" * 70, "is not a time"),
        (0, "outside the years 1970 to 2106"),
        (-1.5, "outside the years"),
        (float("inf"), "outside the years"),
        (float("nan"), "outside the years"),
        (10**400, "outside the years"),
        ("1969-12-31T00:00:00Z", "outside the years"),
        ("9999-12-31T00:00:00Z", "outside the years"),
    ],
)
def test_what_is_no_time_is_said_to_be_none(written, problem):
    with pytest.raises(ValueError, match=problem):
        posted_time(written)
