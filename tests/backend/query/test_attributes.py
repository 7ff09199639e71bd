"""Which attributes there are, and which values go with being slow."""

import random

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.filters import attribute_name, field
from spanhouse_backend.query.questions.attributes import AttributeImpact, AttributeRow, Attributes

pytestmark = pytest.mark.over_both_stores

DAY = {"since": "2026-01-05T00:00Z", "until": "2026-01-06T00:00Z"}


def calls(service, each):
    """One span for each (duration, attributes)."""
    return [
        request(
            service,
            [duration],
            start_ns=MONDAY_10H + number,
            seed=number,
            attributes={key: AnyValue(string_value=value) for key, value in attributes.items()},
        )
        for number, (duration, attributes) in enumerate(each)
    ]


def test_attributes_are_listed_with_type_and_examples(house):
    messages = calls(
        "listed",
        [
            (1000, {"n": str(number), "tier": ["gold", "free"][number % 2], "odd key": "x" * 200, "ratio": "0.5"})
            for number in range(10)
        ]
        + [(1000, {"flag": "true", "n": "-3"}), (1000, {"flag": "false", "ratio": "nan"})],
    )
    messages[0].resource_spans[0].resource.attributes.append(
        KeyValue(key="host.name", value=AnyValue(string_value="h1"))
    )
    house.insert(*messages)
    rows = {row.name: row for row in house.ask(Attributes, service="listed", **DAY).rows}
    assert set(rows) == {
        *("attr.n", "attr.tier", 'attr."odd key"', "attr.ratio", "attr.flag"),
        *("resource.service.name", "resource.host.name"),
    }
    assert rows["attr.tier"] == AttributeRow("attr.tier", "string", 10, 2, ("free", "gold"))
    assert rows["attr.flag"] == AttributeRow("attr.flag", "bool", 2, 2, ("false", "true"))
    assert (rows["attr.n"].type, rows["attr.n"].spans, rows["attr.n"].values) == ("int", 11, 11)
    assert len(rows["attr.n"].examples) == 5
    assert (rows["attr.ratio"].type, rows["attr.ratio"].values) == ("double", 2)
    assert rows['attr."odd key"'].examples == ("x" * 100,)
    assert rows["resource.service.name"].spans == 12
    assert house.ask(Attributes, service="listed", limit="1", **DAY).rows[0].name == "resource.service.name"
    assert house.ask(Attributes, service="listed", filter="attr.flag=true", **DAY).rows[0].spans == 1


@pytest.mark.parametrize("key", ["tier", "http.route", "a b", 'say "hi"', "back\\slash", "x=1", "größe", ".", "-"])
def test_the_name_of_an_attribute_can_be_given_to_a_filter(house, key):
    name = attribute_name("SpanAttributes", key)
    assert field("filter", name).key == key
    service = f"named {key}"
    house.insert(*calls(service, [(1000, {key: "v"})]))
    found = house.ask(Attributes, service=service, filter=f"{name}=v", **DAY).rows
    assert {row.name for row in found} == {name, "resource.service.name"}


def test_the_value_that_makes_calls_slow_comes_first(house):
    """One of three tiers is slow; the rest is chance."""
    pick = random.Random(3)
    made = []
    for number in range(400):
        tier = pick.choice(["gold", "silver", "free"])
        slow = tier == "free" and pick.random() < 0.3
        made.append(
            (
                pick.randrange(50, 60) * 10**6 if slow else pick.randrange(1, 9) * 10**6,
                {"tier": tier, "coin": pick.choice("ht"), "id": str(number), "same": "1"},
            )
        )
    house.insert(*calls("impact", made))
    answer = house.ask(AttributeImpact, service="impact", slower_than="40ms", **DAY)
    slow = [attributes for duration, attributes in made if duration > 40_000_000]
    others = [attributes for duration, attributes in made if duration <= 40_000_000]
    assert (answer.over_ns, answer.calls, answer.inside_calls) == (40_000_000, 400, len(slow))
    first = answer.rows[0]
    assert (first.name, first.value) == ("attr.tier", "free")
    assert (first.inside_calls, first.inside_share) == (len(slow), 1)
    assert first.outside_calls == sum(attributes["tier"] == "free" for attributes in others)
    assert first.outside_share == pytest.approx(first.outside_calls / len(others))
    assert first.score == pytest.approx(first.inside_share - first.outside_share)
    assert first.lift == pytest.approx(1 / ((first.inside_calls + first.outside_calls) / 400))
    assert [row.score for row in answer.rows] == sorted((row.score for row in answer.rows), reverse=True)
    assert not [row for row in answer.rows if row.name == "attr.same" or row.value == "gold"]
    assert all(row.score < 0.2 for row in answer.rows[1:])


def test_slow_is_longer_than_a_percentile_unless_said_otherwise(house):
    house.insert(*calls("tail", [(number * 1000, {"n": str(number)}) for number in range(1, 101)]))
    answer = house.ask(AttributeImpact, service="tail", **DAY)
    assert (answer.over_ns, answer.calls, answer.inside_calls) == (95_000, 100, 5)
    assert {row.value for row in answer.rows} == {"96", "97", "98", "99", "100"}
    assert house.ask(AttributeImpact, service="tail", slower_than="p50", **DAY).inside_calls == 50


def test_a_box_of_the_heatmap_is_held_against_all_that_lies_outside(house):
    """Longer than, no longer than, and begun within: each bound as the heatmap's cells have it."""
    made = [(number * 1000, {"n": str(number)}) for number in range(100)]
    house.insert(*calls("boxed", made))

    def inside(**box):
        answer = house.ask(AttributeImpact, service="boxed", **box, **DAY)
        assert answer.calls == 100
        assert answer.inside_calls == len(answer.rows)
        return sorted(int(row.value) for row in answer.rows)

    assert inside(slower_than="10us", up_to="20us") == list(range(11, 21))
    assert inside(up_to="3us") == [0, 1, 2, 3]
    # Each began a nanosecond after the one before.
    assert inside(during="2026-01-05T10:00Z-1h") == []
    assert inside(during=f"2026-01-05T09:00Z..{MONDAY_10H + 5}") == [0, 1, 2, 3, 4]
    assert inside(during=f"{MONDAY_10H + 50}..{MONDAY_10H + 60}", slower_than="54us") == [55, 56, 57, 58, 59]
    assert inside(slower_than="p50", up_to="60us") == list(range(50, 61))
    answer = house.ask(AttributeImpact, service="boxed", slower_than="10us", up_to="20us", **DAY)
    assert (answer.over_ns, answer.up_to_ns) == (10_000, 20_000)
    assert (answer.inside_from_unix_ns, answer.inside_to_unix_ns) == (answer.from_ns, answer.to_ns)
    assert {(row.inside_share, row.outside_share, row.lift) for row in answer.rows} == {(0.1, 0.0, 10.0)}


@pytest.mark.parametrize(
    ("box", "parameter", "problem"),
    [
        ({"up_to": "5"}, "up_to", "is not a length of time"),
        ({"up_to": "5ms", "slower_than": "5ms"}, "up_to", "not longer than slower_than"),
        ({"during": "yesterday"}, "during", "not a time"),
        ({"during": "2026-01-07T00:00Z+1h"}, "during", "lies outside the window"),
    ],
)
def test_a_box_that_nothing_can_be_in_is_refused(box, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        AttributeImpact.read({**DAY, **box}, MONDAY_10H + 10**9 * 864_000)
    assert refused.value.parameter == parameter


def test_nothing_is_slow_where_all_calls_are_alike_or_none(house):
    house.insert(*calls("alike", [(1000, {"n": str(number)}) for number in range(10)]))
    for service, count in (("alike", 10), ("nobody", 0)):
        answer = house.ask(AttributeImpact, service=service, **DAY)
        assert (answer.calls, answer.inside_calls, answer.rows) == (count, 0, ())


def test_slower_than_what_makes_no_sense_is_refused():
    for text in ("slow", "p101", "50"):
        with pytest.raises(InvalidQuestion, match="neither a percentile") as refused:
            AttributeImpact.read({"slower_than": text}, MONDAY_10H)
        assert refused.value.parameter == "slower_than"
