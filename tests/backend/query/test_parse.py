"""What a person may write for a time, a column, a limit and a trace id, and what is said of anything else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.model import FunctionsQuestion
from spanhouse_backend.query.parse import functions_question, parse_time, parse_trace_id

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
    ],
)
def test_a_time_is_an_age_or_unix_seconds_or_iso_8601(text, expected_ns):
    assert parse_time("since", text, NOW) == expected_ns


@given(st.integers(0, LAST * SECOND))
def test_unix_seconds_keep_every_nanosecond(time_ns):
    assert parse_time("since", f"{Decimal(time_ns).scaleb(-9):f}", NOW) == time_ns


DEFAULTS = {"since": "", "until": "", "service": "", "sort": "", "limit": "", "now_ns": NOW}


def test_what_is_not_given_is_everything_by_total_time():
    assert functions_question(**DEFAULTS) == FunctionsQuestion(0, NOW, "", "total_ns", 50)


@pytest.mark.parametrize("limit", [7, "7"])
def test_what_is_given_is_taken(limit):
    given_parameters = {"since": "2h", "until": "1h", "service": "shop", "sort": "p99", "limit": limit}
    hour = 3600 * SECOND
    expected = FunctionsQuestion(NOW - 2 * hour, NOW - hour, "shop", "p99_ns", 7)
    assert functions_question(**DEFAULTS | given_parameters) == expected


BAD_PARAMETERS = [
    ("since", "yesterday", "is not a time"),
    ("since", "5y", "is not a time"),
    ("since", "-1h", "is not a time"),
    ("since", "1.5h", "is not a time"),
    ("since", "\u0661\u0665m", "is not a time"),
    ("since", "2026-13-01", "is not a time"),
    ("since", "1e9", "is not a time"),
    ("since", "now+1h", "is not a time"),
    ("since", "9" * 65, "not longer than 64 characters"),
    ("since", "1767607200000", "Unix times are in seconds"),
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
        functions_question(**DEFAULTS | {parameter: value})
    assert refused.value.parameter == parameter
    assert len(str(refused.value)) < 400


def test_a_window_must_not_be_inverted_or_empty():
    for since, until in (("1h", "2h"), ("1h", "1h"), ("now", "")):
        with pytest.raises(InvalidQuestion, match="is not later than since") as refused:
            functions_question(**DEFAULTS | {"since": since, "until": until})
        assert refused.value.parameter == "until"


def test_a_trace_id_is_read_in_either_case():
    assert parse_trace_id(" 4BF92F3577B34DA6A3CE929D0E0E4736 ") == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("text", ["", "abc", "0" * 32, "g" * 32, "f" * 33, "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"])
def test_a_bad_trace_id_is_refused(text):
    with pytest.raises(InvalidQuestion, match="32 hexadecimal digits"):
        parse_trace_id(text)
