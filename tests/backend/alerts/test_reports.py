"""Reports: the period of a clock that jumps, and what is told of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from spanhouse_backend.alerts.rule_file import parse_rules
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.times import SECOND_NS, iso_time


def report_of(**fields):
    text = ", ".join(f"{name}: {value}" for name, value in fields.items())
    return parse_rules(f"reports: [{{report: r, {text}}}]").reports[0]


def at(text, zone="UTC"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("fields", "now", "begin", "end"),
    [
        ({"every": "1h"}, "2026-01-31T09:30", "2026-01-31T08:00", "2026-01-31T09:00"),
        ({"every": "1h"}, "2026-01-31T09:00", "2026-01-31T08:00", "2026-01-31T09:00"),
        ({"every": "1d"}, "2026-01-31T09:30", "2026-01-30T00:00", "2026-01-31T00:00"),
        ({"at": "08:00"}, "2026-01-31T07:59", "2026-01-29T08:00", "2026-01-30T08:00"),
        ({"at": "08:00"}, "2026-01-31T08:00", "2026-01-30T08:00", "2026-01-31T08:00"),
        ({"every": "1w", "at": "08:00"}, "2026-01-31T09:30", "2026-01-19T08:00", "2026-01-26T08:00"),
        ({"every": "1w", "at": "08:00"}, "2026-01-26T07:00", "2026-01-12T08:00", "2026-01-19T08:00"),
    ],
)
def test_a_period_is_the_last_that_has_ended(fields, now, begin, end):
    assert report_of(**fields).period(at(now)) == (at(begin), at(end))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_days_are_those_of_a_clock(day, hours):
    """The clocks of Berlin jump at the end of March, and back at the end of October."""
    period = report_of(timezone="Europe/Berlin").period(at(f"{day}T23:59:59", "Europe/Berlin") + SECOND_NS)
    assert period.from_ns == at(f"{day}T00:00", "Europe/Berlin")
    assert period.to_ns - period.from_ns == hours * 3600 * SECOND_NS


def test_hours_are_those_of_a_clock_that_is_half_an_hour_off():
    period = report_of(every="1h", timezone="Asia/Kolkata").period(at("2026-01-31T09:45"))
    assert (iso_time(period.from_ns), iso_time(period.to_ns)) == ("2026-01-31T08:30:00Z", "2026-01-31T09:30:00Z")


def test_a_report_asks_about_its_period():
    report = report_of(sort="p99", limit=3, service="checkout")
    assert report.asks(report.period(at("2026-01-31T09:30"))) == (
        Functions,
        {
            "service": "checkout",
            "since": "2026-01-30T00:00:00Z",
            "until": "2026-01-31T00:00:00Z",
            "sort": "p99",
            "limit": "3",
        },
    )


def test_regressions_are_held_against_the_period_before():
    report = report_of(show="regressions")
    assert report.asks(report.period(at("2026-01-31T09:30"))).texts == {
        "baseline": "2026-01-29T00:00:00Z..2026-01-30T00:00:00Z",
        "candidate": "2026-01-30T00:00:00Z..2026-01-31T00:00:00Z",
        "limit": "10",
    }


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ("reports:\n  - report: r\n    at: 8am\n", 3, "reports[0].at", "'8am' is not a time of day"),
        ("reports:\n  - report: r\n    at: 24:00\n", 3, "reports[0].at", "'24:00' is not a time of day"),
        ("reports:\n  - report: r\n    timezone: CEST5\n", 3, "reports[0].timezone", "not a time zone's name"),
        ("reports:\n  - report: r\n    sort: p98\n", 3, "reports[0].sort", "'p98' is not a column"),
        ("reports:\n  - report: r\n    notify: [x]\n", 3, "reports[0].notify", "no webhook named 'x'"),
        (
            "notify: [{name: m, url: 'http://h/', template: alertmanager}]\nreports:\n  - report: r\n    notify: [m]\n",
            4,
            "reports[0].notify",
            "'m' takes alerts, and no reports",
        ),
        (
            "rules: [{rule: r, kind: absence}]\nreports:\n  - report: r\n",
            3,
            "reports[0].report",
            "'r' is the name of 2",
        ),
        ("notify: [{name: a}]\n", 1, "notify[0]", "needs url or url_file"),
        ("notify: [{name: a, url: 'ftp://h/'}]\n", 1, "notify[0].url", "is not a URL"),
        ("notify: [{name: a, url: 'http://u:secret@h/'}]\n", 1, "notify[0].url", "has a password in it"),
        ("notify: [{name: a, url: 'http://h:x/'}]\n", 1, "notify[0].url", "is not a URL"),
        ("rules: [{rule: r, kind: absence, labels: {a b: c}}]\n", 1, "rules[0].labels.a b", "match pattern"),
        ("rules: [{rule: r, kind: absence, every: 1s}]\n", 1, "rules[0].every", "from 10s to 1d"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(text, line, field, problem):
    found = parse_rules(text)
    assert isinstance(found, list)
    (mistake,) = [one for one in found if one.field.removesuffix(".[key]") == field]
    assert mistake.line == line
    assert problem in mistake.problem
    assert "secret" not in mistake.problem
