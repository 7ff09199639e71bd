"""Figures of groups of log records and events, held against the same figures of the same records in Python."""

import math
import random
from collections import defaultdict

import pytest
from log_records import Made, records
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.aggregate import Aggregate

SERVICE = "aggregated records"
WINDOW = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T12:00Z", "service": SERVICE}
LEVELS = {5: "debug", 9: "info", 13: "warn", 17: "error", 21: "fatal", 0: ""}


@pytest.fixture(scope="module")
def made(house):
    """200 records over two hours, half of them events of two streams; some have a size that is a number."""
    pick = random.Random(7)
    found = []
    for number in range(200):
        attributes = {"tier": pick.choice(["gold", "free"])}
        if size := pick.choice(["", "12 ms", str(pick.randrange(1000)), repr(pick.random())]):
            attributes["size"] = size
        event = pick.choice(["", "", "shop.sold", "shop.seen"])
        time_ns = MONDAY_10H + pick.randrange(2 * HOUR)
        found.append(Made(time_ns, f"record {number}", pick.choice(list(LEVELS)), event, attributes))
    house.insert_logs(records(SERVICE, found, resource={"region": "eu"}))
    house.insert_logs(records("another", [Made(MONDAY_10H, "x", 17, "shop.sold", {"size": "1e9"})]))
    return found


def grouped(made, key):
    groups = defaultdict(list)
    for one in made:
        groups[key(one)].append(one)
    return groups


def sizes(made):
    texts = (one.attributes.get("size", "") for one in made)
    return [float(text) for text in texts if text and " " not in text]


def rank(values, level):
    return sorted(values)[max(0, math.ceil(level * len(values)) - 1)]


def test_records_are_added_up_by_any_of_their_fields(house, made):
    """Errors are those of level error and above; a size that is no number is none."""
    select = "count,errors,sum(attr.size),avg(attr.size),min(attr.size),max(attr.size),p90(attr.size)"
    rows = house.ask(Aggregate, of="logs", select=select, group="level,attr.tier", **WINDOW).rows
    expected = grouped(made, lambda one: (LEVELS[one.level], one.attributes["tier"]))
    assert {tuple(row.group.values()) for row in rows} == set(expected)
    for row in rows:
        group = expected[tuple(row.group.values())]
        numbers = sizes(group)
        assert row.figures == {
            "count": len(group),
            "errors": sum(one.level >= 17 for one in group),
            "sum(attr.size)": pytest.approx(sum(numbers)),
            "avg(attr.size)": pytest.approx(sum(numbers) / len(numbers)),
            "min(attr.size)": min(numbers),
            "max(attr.size)": max(numbers),
            "p90(attr.size)": rank(numbers, 0.9),
        }


def test_events_are_the_records_with_a_name(house, made):
    """By stream unless said otherwise; a stream is asked for by its name."""
    rows = house.ask(Aggregate, of="events", **WINDOW).rows
    streams = grouped((one for one in made if one.event), lambda one: one.event)
    assert {row.group["event"]: row.figures for row in rows} == {
        stream: {"count": len(events)} for stream, events in streams.items()
    }
    asked = {"of": "events", "stream": "shop.sold", "select": "count,sum(attr.size)", "group": "none"}
    (row,) = house.ask(Aggregate, **asked, filter="attr.tier=gold", **WINDOW).rows
    sold = [one for one in streams["shop.sold"] if one.attributes["tier"] == "gold"]
    assert row.figures == {"count": len(sold), "sum(attr.size)": pytest.approx(sum(sizes(sold)))}


def test_steps_are_those_of_a_clock(house, made):
    """Also of everything stored, which begins with the first record."""
    asked = {"of": "logs", "select": "count", "group": "none", "step": "15m"}
    rows = house.ask(Aggregate, **asked, **WINDOW).rows
    expected = grouped(made, lambda one: one.time_ns // (15 * MINUTE) * 15 * MINUTE)
    assert [(row.start_unix_ns, row.figures["count"]) for row in rows] == [
        (start, len(expected[start])) for start in sorted(expected)
    ]
    everything = house.ask(Aggregate, of="logs", select="count", group="none", step="1d", service=SERVICE)
    assert 0 < everything.from_ns <= MONDAY_10H
    assert sum(row.figures["count"] for row in everything.rows) == len(made)


def test_order_and_limit_are_as_asked_for(house, made):
    asked = {"of": "logs", "select": "count", "group": "level"} | WINDOW
    every = house.ask(Aggregate, order_by="level desc", **asked).rows
    assert [row.group["level"] for row in every] == sorted(LEVELS.values(), reverse=True)
    assert house.ask(Aggregate, order_by="level desc", limit="2", **asked).rows == every[:2]
    counts = [row.figures["count"] for row in house.ask(Aggregate, **asked).rows]
    assert counts == sorted(counts, reverse=True)


def test_filters_are_those_of_records(house, made):
    (row,) = house.ask(
        Aggregate,
        of="logs",
        select="count",
        group="none",
        filter="level>=warn resource.region=eu attr.size>500",
        **WINDOW,
    ).rows
    found = [one for one in made if one.level >= 13 and any(size > 500 for size in sizes([one]))]
    assert row.figures == {"count": len(found)}


@pytest.mark.parametrize(
    ("parameters", "parameter", "problem"),
    [
        ({"of": "metrics"}, "of", "is not one of spans, logs, events"),
        ({"of": "logs", "select": "p99(duration)"}, "select", "there is no field 'duration': there are service, "),
        ({"of": "logs", "group": "name"}, "group", "there is no field 'name'"),
        ({"of": "events", "group": "trace_id"}, "group", "records cannot be grouped by trace_id"),
        ({"of": "events", "filter": "status=error"}, "filter", "there is no field 'status'"),
        ({"of": "events", "name": "f"}, "name", "only spans have a name"),
        ({"of": "logs", "stream": "s"}, "stream", "only events are of a stream"),
        ({"stream": "s"}, "stream", "only events are of a stream"),
        ({"of": "logs", "order_by": "sum(attr.n)"}, "order_by", "is not in the answer"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(parameters, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        Aggregate.read(parameters, MONDAY_10H)
    assert refused.value.parameter == parameter
