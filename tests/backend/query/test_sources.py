"""Which source answers, in which statement, and what is said when part of it has expired."""

import json
import subprocess
import sys

import pytest
from harness import clean_environment
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.query.filters import EVERYTHING, field, parse_filter
from spanhouse_backend.query.sources import choose
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.steps import Stepping
from spanhouse_backend.query.times import Window

FIVE_HOURS = Window(MONDAY_10H - 30 * MINUTE + 1, MONDAY_10H + 4 * HOUR + 30 * MINUTE - 1)


@pytest.mark.parametrize(
    ("window", "where", "more", "source"),
    [
        (FIVE_HOURS, "", {}, "rollup_1h"),
        (Window(MONDAY_10H, MONDAY_10H + HOUR), "", {}, "rollup_1h"),
        (Window(MONDAY_10H, MONDAY_10H + HOUR - MINUTE), "", {}, "rollup_1m"),
        (FIVE_HOURS, "service=a name~b kind=server not status=error", {}, "rollup_1h"),
        (FIVE_HOURS, "duration>1s", {}, "raw"),
        (FIVE_HOURS, "", {"exact": True}, "raw"),
        (FIVE_HOURS, "", {"groups": (field("group", "kind"),)}, "rollup_1h"),
        (FIVE_HOURS, "", {"groups": (field("group", "kind"), field("group", "attr.a"))}, "raw"),
        (FIVE_HOURS, "", {"steps": Stepping(7200, "UTC").cut(FIVE_HOURS)}, "rollup_1h"),
        (FIVE_HOURS, "", {"steps": Stepping(3600, "Asia/Kolkata").cut(FIVE_HOURS)}, "rollup_1m"),
        (FIVE_HOURS, "", {"steps": Stepping(300, "UTC").cut(FIVE_HOURS)}, "rollup_1m"),
        (FIVE_HOURS, "", {"steps": Stepping(30, "UTC").cut(FIVE_HOURS)}, "raw"),
    ],
)
def test_the_coarsest_source_that_can_answers(window, where, more, source):
    chosen = choose(window, parse_filter(where), **more)
    assert (chosen.source, chosen.accuracy) == (source, "exact" if source == "raw" else "bucketed")
    if source == "raw":
        assert (chosen.from_ns, chosen.to_ns) == window
    else:
        assert chosen.from_ns % MINUTE == chosen.to_ns % MINUTE == 0
        assert chosen.from_ns <= window.from_ns < window.to_ns <= chosen.to_ns


def sql_of(fragment):
    """A statement without its comments, in one line."""
    return " ".join(" ".join(line for line in fragment.sql.splitlines() if not line.strip().startswith("--")).split())


def test_the_statement_of_hours_with_their_edges():
    """Four hours from the hourly rollup, an hour and a half, in two pieces, from the minutes."""
    chosen = choose(FIVE_HOURS, parse_filter("service=shop"))
    one = "SELECT ServiceName, SpanName, SpanKind, StatusCode, Time, Bucket, Calls, DurationSum, '' AS Group0 FROM"
    assert sql_of(chosen.calls) == (
        f"{one} span_durations_1h "
        "WHERE Time >= toDateTime({hours_from:UInt32}) AND Time < toDateTime({hours_to:UInt32}) "
        f"AND (ServiceName = {{filter_0:String}}) UNION ALL {one} span_durations_1m "
        "WHERE (Time >= toDateTime({from:UInt32}) AND Time < toDateTime({hours_from:UInt32}) "
        "OR Time >= toDateTime({hours_to:UInt32}) AND Time < toDateTime({to:UInt32})) "
        "AND (ServiceName = {filter_0:String})"
    )
    hour = MONDAY_10H // 10**9
    assert chosen.calls.parameters == {
        "from": hour - 1800,
        "hours_from": hour,
        "hours_to": hour + 4 * 3600,
        "to": hour + 4 * 3600 + 1800,
        "filter_0": "shop",
    }


def test_the_statement_of_spans():
    chosen = choose(FIVE_HOURS, parse_filter("attr.a=b"), groups=(field("group", "attr.c"),))
    assert sql_of(chosen.calls) == (
        "SELECT ServiceName, SpanName, SpanKind, StatusCode, Timestamp AS Time, Duration AS Bucket, "
        "toUInt64(1) AS Calls, Duration AS DurationSum, TraceId, SpanAttributes[{group_0:String}] AS Group0 "
        "FROM otel_traces WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) "
        "AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}) AND (mapContains(SpanAttributes, {filter_0:String}) "
        "AND SpanAttributes[{filter_0:String}] = {filter_1:String})"
    )
    assert chosen.calls.parameters == {
        "from_ns": FIVE_HOURS.from_ns,
        "to_ns": FIVE_HOURS.to_ns,
        "filter_0": "a",
        "filter_1": "b",
        "group_0": "c",
    }
    assert chosen.percentiles((0.5, 1.0)) == (
        "quantilesExact({level_0:Float64}, {level_1:Float64})(Bucket)",
        {"level_0": 0.5 - 1e-13, "level_1": 1.0},
    )
    assert choose(FIVE_HOURS, EVERYTHING).percentiles((0.5,)) == (
        "quantilesExactWeighted({level_0:Float64})(Bucket, Calls)",
        {"level_0": 0.5},
    )


def test_two_parts_of_a_statement_cannot_mean_different_things_by_one_name():
    with pytest.raises(ValueError, match="two values for the parameter limit"):
        statement("count.sql", {"limit": 1}, filter=Fragment("1", {"limit": 2}))


def test_an_answer_whose_beginning_has_expired_says_so(tmp_path):
    """Spans go first, then minutes; hours are there, and everything that is made of them needs no note."""
    code = """
import asyncio, json, pathlib, sys
from spanhouse_backend.store.embedded import Embedded
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H, QueryHouse
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.spans import Spans
DAY = 24 * HOUR
with QueryHouse(Embedded(pathlib.Path(sys.argv[1]))) as house:
    def ask(question, **texts):
        answer = house.ask(question, now_ns=MONDAY_10H + 9 * DAY, **texts)
        print(json.dumps([answer.source, *answer.notes]))
    ask(Functions, exact="true")
    for day in range(3):
        house.insert(request("old", [1000], start_ns=MONDAY_10H + day * DAY + 10 * MINUTE, seed=day))
    ask(Functions, exact="true")
    ask(Functions, since="2026-01-05T10:05Z")
    for table, days in (("otel_traces", ("05", "06")), ("span_durations_1m", ("05",))):
        for day in days:
            house.run(house.queries.change(f"ALTER TABLE {table} DROP PARTITION '2026-01-{day}'", {}))
    ask(Functions, exact="true")
    ask(Spans, since="2026-01-07")
    ask(Functions, since="2026-01-05T10:00Z", until="2026-01-09T00:00Z")
    ask(Functions, since="2026-01-05T10:05Z", until="2026-01-09T00:00Z")
    ask(Functions, since="2026-01-05T10:05Z+10m")
    ask(Functions, since="2026-01-06T10:05Z")
    house.run(house.queries.change("ALTER TABLE otel_traces DROP PARTITION '2026-01-07'", {}))
    ask(Functions, exact="true")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        env=clean_environment(PYTHONPATH="tests"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    spans = "have expired: only the rollups, which know services, functions, kinds and statuses, reach further back"
    minutes = "minutes from before 2026-01-06T10:10:00Z have expired: only whole hours reach further back"
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["raw"],
        ["raw"],
        ["rollup_1h"],
        ["raw", f"spans from before 2026-01-07T10:10:00Z {spans}"],
        ["raw", f"spans from before 2026-01-07T10:10:00Z {spans}"],
        ["rollup_1h"],
        ["rollup_1h", minutes],
        ["rollup_1m", minutes],
        ["rollup_1h", minutes],
        ["raw", f"spans {spans}"],
    ]
