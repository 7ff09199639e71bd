"""What a person may write for a time, a column, a limit and a trace id, and what is said of anything else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.filters import EVERYTHING, equals
from spanhouse_backend.query.ids import parse_trace_id
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.times import Window, parse_length, parse_time, parse_window

SECOND = 1_000_000_000
NOW = 1_767_607_200 * SECOND  # 2026-01-05T10:00:00Z
LAST = 4_294_967_280


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("now", NOW),
        ("15m", NOW - 900 * SECOND),
        ("now-15m", NOW - 900 * SECOND),
        ("1h30m", NOW - 5400 * SECOND),
        ("45s", NOW - 45 * SECOND),
        ("7d", NOW - 7 * 86_400 * SECOND),
        ("2w", NOW - 14 * 86_400 * SECOND),
        ("9999w", 0),
        ("0", 0),
        ("1767607200", NOW),
        ("1767607200.123456789", NOW + 123_456_789),
        (" 1767607200 ", NOW),
        ("2026-01-05T10:00:00Z", NOW),
        ("2026-01-05T10:00Z", NOW),
        ("2026-01-05 10:00", NOW),
        ("2026-01-05T10:00:00.000001Z", NOW + 1000),
        ("2026-01-05T15:30:00+05:30", NOW),
        ("2026-01-05", NOW - 10 * 3600 * SECOND),
        (str(LAST), LAST * SECOND),
        ("1767607200000", NOW),
        ("1767607200000.5", NOW + 500_000),
        ("1767607200000123", NOW + 123_000),
        ("1767607200000000123", NOW + 123),
    ],
)
def test_a_time_is_an_age_or_a_unix_time_of_any_unit_or_iso_8601(text, expected_ns):
    assert parse_time("since", text, NOW) == expected_ns


@given(st.integers(0, LAST * SECOND))
def test_unix_seconds_keep_every_nanosecond(time_ns):
    assert parse_time("since", f"{Decimal(time_ns).scaleb(-9):f}", NOW) == time_ns


MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


@pytest.mark.parametrize(
    ("since", "from_ns", "to_ns"),
    [
        ("2026-01-05T09:00Z+30m", NOW - HOUR, NOW - HOUR // 2),
        ("2026-01-05T09:00Z 30m", NOW - HOUR, NOW - HOUR // 2),
        ("2026-01-05T09:00Z-30m", NOW - 90 * MINUTE, NOW - HOUR),
        ("2026-01-05T09:00Z±1m30s", NOW - HOUR - 90 * SECOND, NOW - HOUR + 90 * SECOND),
        ("2026-01-05T09:00Z+-250ms", NOW - HOUR - SECOND // 4, NOW - HOUR + SECOND // 4),
        ("2026-01-05T10:00+05:30+1.5h", NOW - 330 * MINUTE, NOW - 240 * MINUTE),
        ("1767600000+1h", NOW - 2 * HOUR, NOW - HOUR),
        ("now-2h+1h", NOW - 2 * HOUR, NOW - HOUR),
        ("2h+30m", NOW - 2 * HOUR, NOW - 90 * MINUTE),
        ("now-15m", NOW - 15 * MINUTE, NOW),
        ("1000+1w", 0 + 1000 * SECOND, (1000 + 604_800) * SECOND),
        ("1000-1w", 0, 1000 * SECOND),
    ],
)
def test_a_window_may_be_written_as_one_time_and_a_length(since, from_ns, to_ns):
    assert parse_window(since, "", NOW) == Window(from_ns, to_ns)


@pytest.mark.parametrize(
    ("since", "until", "parameter", "problem"),
    [
        ("2026-01-05T09:00Z+1h", "now", "until", "says already where the window ends"),
        ("tomorrow+1h", "", "since", "is not a time"),
        ("2026-01-05T11:00Z+1h", "", "since", "lies in the future"),
        ("2026-01-05T09:00Z+0s", "", "until", "is not later than since"),
        ("2026-01-05T09:00Z+90000w", "", "since", "outside the years 1970 to 2106"),
        ("2026-01-05T09:00Z+" + "9" * 200 + "s", "", "since", "is not longer than 64 characters"),
        ("2026-01-05T15:30:00 05:30", "", "since", "in a URL, \\+ is %2B"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(since, until, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        parse_window(since, until, NOW)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [("50ms", 50_000_000), ("1.5s", 1_500_000_000), ("2us", 2000), ("2µs", 2000), ("7ns", 7), ("1h30m", 90 * MINUTE)],
)
def test_a_length_of_time_has_units(text, expected_ns):
    assert parse_length("step", text) == expected_ns


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5y", "1e3s", "5s!", "9" * 41 + "s"])
def test_a_length_without_a_unit_or_with_an_unknown_one_is_refused(text):
    with pytest.raises(InvalidQuestion, match="is not a length of time") as refused:
        parse_length("step", text)
    assert refused.value.parameter == "step"


def test_what_is_not_given_is_everything_by_total_time():
    everything = Functions(window=Window(0, NOW), where=EVERYTHING, exact=False, sort="total_ns", limit=50)
    assert Functions.read({}, NOW) == everything
    assert Functions.read(dict.fromkeys(("since", "until", "service", "sort", "limit", "exact"), ""), NOW) == everything


def test_what_is_given_is_taken():
    texts = {"since": "2h", "until": "1h", "service": "shop", "sort": "p99", "limit": "7", "exact": "true"}
    question = Functions.read(texts, NOW)
    assert (question.window, question.sort, question.limit) == (Window(NOW - 2 * HOUR, NOW - HOUR), "p99_ns", 7)
    assert (question.exact, question.where.operands) == (True, (equals("service", "shop"),))


BAD_PARAMETERS = [
    ("since", "yesterday", "is not a time"),
    ("since", "5y", "is not a time"),
    ("since", "-1h", "is not a time"),
    ("since", "1.5h", "is not a time"),
    ("since", "\u0661\u0665m", "is not a time"),
    ("since", "2026-13-01", "is not a time"),
    ("since", "1e9", "is not a time"),
    ("since", "now+1h", "lies in the future"),
    ("since", "9" * 65, "not longer than 64 characters"),
    ("since", "9" * 20, "outside the years 1970 to 2106"),
    ("name", "n" * 1025, "not longer than 1024 characters"),
    ("exact", "maybe", "neither true nor false"),
    ("filter", "duration>", "found the end where a value"),
    ("sevrice", "shop", "no such parameter; there are exact, filter"),
    ("since", "1969-12-31", "outside the years 1970 to 2106"),
    ("since", "2200-01-01", "outside the years 1970 to 2106"),
    ("since", "2026-01-05T10:01Z", "lies in the future"),
    ("until", "tomorrow", "is not a time"),
    ("until", "0", "is not later than since"),
    ("service", "s" * 1025, "not longer than 1024 characters"),
    ("service", "\udcff", "is not UTF-8"),
    ("sort", "p98", "choose one of service, name, calls"),
    ("sort", "slowest_trace_id", "choose one of"),
    ("sort", "total_ns DESC", "choose one of"),
    ("limit", "0", "from 1 to 10000"),
    ("limit", "-1", "from 1 to 10000"),
    ("limit", "10001", "from 1 to 10000"),
    ("limit", "ten", "from 1 to 10000"),
    ("limit", "1.0", "from 1 to 10000"),
    ("limit", "1_000", "from 1 to 10000"),
    ("limit", "9" * 5000, "from 1 to 10000"),
]


@pytest.mark.parametrize(("parameter", "value", "problem"), BAD_PARAMETERS)
def test_a_bad_parameter_is_refused_by_name(parameter, value, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        Functions.read({parameter: value}, NOW)
    assert refused.value.parameter == parameter
    assert len(str(refused.value)) < 400


def test_a_window_must_not_be_inverted_or_empty():
    for since, until in (("1h", "2h"), ("1h", "1h"), ("now", "")):
        with pytest.raises(InvalidQuestion, match="is not later than since") as refused:
            Functions.read({"since": since, "until": until}, NOW)
        assert refused.value.parameter == "until"


def test_a_trace_id_is_read_in_either_case():
    assert parse_trace_id(" 4BF92F3577B34DA6A3CE929D0E0E4736 ") == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("text", ["", "abc", "0" * 32, "g" * 32, "f" * 33, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"])
def test_a_bad_trace_id_is_refused(text):
    with pytest.raises(InvalidQuestion, match="32 hexadecimal digits"):
        parse_trace_id(text)
