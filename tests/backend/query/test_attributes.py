"""Which attributes there are, and which values go with being slow."""

import random

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.filters import attribute_name, field
from spanhouse_backend.query.questions.attributes import AttributeImpact, AttributeRow, Attributes

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
    assert (answer.over_ns, answer.calls, answer.slow_calls) == (40_000_000, 400, len(slow))
    first = answer.rows[0]
    assert (first.name, first.value) == ("attr.tier", "free")
    assert (first.slow_calls, first.slow_share) == (len(slow), 1)
    assert first.other_calls == sum(attributes["tier"] == "free" for attributes in others)
    assert first.other_share == pytest.approx(first.other_calls / len(others))
    assert first.score == pytest.approx(first.slow_share - first.other_share)
    assert [row.score for row in answer.rows] == sorted((row.score for row in answer.rows), reverse=True)
    assert not [row for row in answer.rows if row.name == "attr.same" or row.value == "gold"]
    assert all(row.score < 0.2 for row in answer.rows[1:])


def test_slow_is_longer_than_a_percentile_unless_said_otherwise(house):
    house.insert(*calls("tail", [(number * 1000, {"n": str(number)}) for number in range(1, 101)]))
    answer = house.ask(AttributeImpact, service="tail", **DAY)
    assert (answer.over_ns, answer.calls, answer.slow_calls) == (95_000, 100, 5)
    assert {row.value for row in answer.rows} == {"96", "97", "98", "99", "100"}
    assert house.ask(AttributeImpact, service="tail", slower_than="p50", **DAY).slow_calls == 50


def test_nothing_is_slow_where_all_calls_are_alike_or_none(house):
    house.insert(*calls("alike", [(1000, {"n": str(number)}) for number in range(10)]))
    for service, count in (("alike", 10), ("nobody", 0)):
        answer = house.ask(AttributeImpact, service=service, **DAY)
        assert (answer.calls, answer.slow_calls, answer.rows) == (count, 0, ())


def test_slower_than_what_makes_no_sense_is_refused():
    for text in ("slow", "p101", "50"):
        with pytest.raises(InvalidQuestion, match="neither a percentile") as refused:
            AttributeImpact.read({"slower_than": text}, MONDAY_10H)
        assert refused.value.parameter == "slower_than"
