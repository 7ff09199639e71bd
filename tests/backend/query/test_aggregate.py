"""Figures of groups of calls, held against the same figures of the same calls in Python."""

import math
import random
from collections import defaultdict

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.questions.aggregate import Aggregate

SERVICE = "aggregated"
WINDOW = {"since": "2026-01-05T10:00Z", "until": "2026-01-05T12:00Z", "service": SERVICE}


@pytest.fixture(scope="module")
def calls(house):
    """200 calls over two hours as (start, duration, name, tier, size, failed); some have no tier, some no size."""
    pick = random.Random(5)
    made, messages = [], []
    for number in range(200):
        start = MONDAY_10H + pick.randrange(2 * HOUR)
        duration, name, tier = pick.randrange(1, 10**8), pick.choice("fg"), pick.choice(["gold", "free", ""])
        size, failed = pick.choice([None, pick.randrange(1000), pick.random()]), pick.random() < 0.2
        attributes = {"tier": AnyValue(string_value=tier)} if tier else {}
        if size is not None:
            number_value = AnyValue(int_value=size) if isinstance(size, int) else AnyValue(double_value=size)
            attributes["size"] = number_value
        message = request(SERVICE, [duration], name=name, start_ns=start, attributes=attributes, seed=number)
        if failed:
            message.resource_spans[0].scope_spans[0].spans[0].status.code = Status.STATUS_CODE_ERROR
        messages.append(message)
        made.append((start, duration, name, tier, size, failed))
    house.insert(*messages)
    return made


def grouped(calls, key):
    groups = defaultdict(list)
    for call in calls:
        groups[key(call)].append(call)
    return groups


def rank(values, level):
    return sorted(values)[max(0, math.ceil(level * len(values)) - 1)]


def test_every_figure_of_durations_is_exact(house, calls):
    select = "count,errors,min(duration),max(duration),avg(duration),sum(duration),p50(duration),p99.9(duration)"
    rows = house.ask(Aggregate, select=select, group="name", order_by="name", **WINDOW).rows
    expected = grouped(calls, lambda call: call[2])
    assert [row.group for row in rows] == [{"name": "f"}, {"name": "g"}]
    for row in rows:
        durations = [call[1] for call in expected[row.group["name"]]]
        assert row.start_unix_ns is None
        assert row.figures == {
            "count": len(durations),
            "errors": sum(call[5] for call in expected[row.group["name"]]),
            "min(duration)": min(durations),
            "max(duration)": max(durations),
            "avg(duration)": pytest.approx(sum(durations) / len(durations), rel=1e-12),
            "sum(duration)": sum(durations),
            "p50(duration)": rank(durations, 0.5),
            "p99.9(duration)": rank(durations, 0.999),
        }


def test_attributes_that_are_numbers_are_added_up_and_others_are_none(house, calls):
    """Spans without a size count as calls, and nowhere else; of a group without any, there is none."""
    select = "count,sum(attr.size),p90(attr.size),max(attr.tier),min(attr.nowhere)"
    rows = house.ask(Aggregate, select=select, group="attr.tier,name", **WINDOW).rows
    expected = grouped(calls, lambda call: (call[3], call[2]))
    assert {(row.group["attr.tier"], row.group["name"]) for row in rows} == set(expected)
    for row in rows:
        group = expected[row.group["attr.tier"], row.group["name"]]
        sizes = [call[4] for call in group if call[4] is not None]
        assert row.figures == {
            "count": len(group),
            "sum(attr.size)": pytest.approx(sum(sizes)),
            "p90(attr.size)": pytest.approx(rank(sizes, 0.9)),
            "max(attr.tier)": None,
            "min(attr.nowhere)": None,
        }


def test_steps_are_those_of_a_clock(house, calls):
    """A row for each step that has calls, in order of time."""
    rows = house.ask(Aggregate, select="count", group="none", step="15m", **WINDOW).rows
    expected = grouped(calls, lambda call: call[0] // (15 * MINUTE) * 15 * MINUTE)
    assert [(row.start_unix_ns, row.figures["count"]) for row in rows] == [
        (start, len(expected[start])) for start in sorted(expected)
    ]
    assert all(row.group == {} for row in rows)


@pytest.mark.parametrize(
    ("order_by", "key", "downwards"),
    [
        ("", lambda row: row.figures["count"], True),
        ("count", lambda row: row.figures["count"], True),
        ("count asc", lambda row: row.figures["count"], False),
        ("max(duration)", lambda row: row.figures["max(duration)"], True),
        ("attr.tier", lambda row: row.group["attr.tier"], False),
        ("attr.tier desc", lambda row: row.group["attr.tier"], True),
        ("time desc", lambda row: row.start_unix_ns, True),
    ],
)
def test_order_is_as_asked_for(house, calls, order_by, key, downwards):
    step = {"step": "1h"} if order_by.startswith("time") else {}
    asked = {"select": "count,max(duration)", "group": "attr.tier,name", "order_by": order_by} | step | WINDOW
    keys = [key(row) for row in house.ask(Aggregate, **asked).rows]
    assert keys == sorted(keys, reverse=downwards)
    assert len(set(keys)) > 1


def test_the_limit_keeps_the_first(house, calls):
    every = house.ask(Aggregate, select="count", group="attr.tier,name", **WINDOW).rows
    assert house.ask(Aggregate, select="count", group="attr.tier,name", limit="2", **WINDOW).rows == every[:2]


def test_a_filter_comes_before_everything(house, calls):
    (row,) = house.ask(Aggregate, select="count,p99(duration)", group="none", filter="attr.size>500", **WINDOW).rows
    durations = [call[1] for call in calls if call[4] is not None and call[4] > 500]
    assert row.figures == {"count": len(durations), "p99(duration)": rank(durations, 0.99)}


def test_of_no_calls_there_are_no_groups(house):
    """Also not the one of all calls together."""
    assert house.ask(Aggregate, group="service", service="nobody").rows == ()
    assert house.ask(Aggregate, group="none", service="nobody", step="1h", since="2026-01-05T10:00Z+1h").rows == ()


@pytest.mark.parametrize(
    ("parameters", "parameter", "problem"),
    [
        ({"select": "mean(duration)"}, "select", "is not a figure"),
        ({"select": "count, p101(duration)"}, "select", "is not a figure"),
        ({"select": "count;drop"}, "select", "is not a figure"),
        ({"select": "avg(name)"}, "select", "is not a figure"),
        ({"select": "count,"}, "select", "is not a figure"),
        ({"select": ",".join(f"p{n}(duration)" for n in range(11))}, "select", "more than 10"),
        ({"order_by": "sum(duration)"}, "order_by", "is not in the answer"),
        ({"order_by": "time"}, "order_by", "is not in the answer"),
        ({"group": "duration"}, "group", "cannot be grouped by"),
        ({"step": "0.5s"}, "step", "not a whole number of seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(house, parameters, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        house.ask(Aggregate, **parameters)
    assert refused.value.parameter == parameter


def test_names_are_values_and_never_sql(house, calls):
    """Whatever a key says, it is looked up."""
    key = r'attr."x\") FROM system.tables --"'
    (row,) = house.ask(Aggregate, select=f"count,sum({key})", group="none", **WINDOW).rows
    assert row.figures == {"count": len(calls), f"sum({key})": None}
