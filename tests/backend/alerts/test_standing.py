"""How rules stand: each finding's effect on each state, and when a webhook is told of it."""

from dataclasses import replace

import pytest

from spanhouse_backend.alerts.finding import Finding, Measured
from spanhouse_backend.alerts.rule_file import parse_rules
from spanhouse_backend.alerts.standing import advanced, due, noted, told, without_strangers

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOW = 1_767_607_200 * SECOND


def rule_of(**fields):
    text = ", ".join(f"{name.rstrip('_')}: {value}" for name, value in fields.items())
    return parse_rules(f"rules: [{{rule: r, kind: absence, {text}}}]").rules[0]


def webhooks(*templates):
    text = "".join(f"  - {{name: {one}, url: 'http://h/', template: {one}}}\n" for one in templates)
    return list(parse_rules(f"notify:\n{text}").notify)


RULE = rule_of(every="1m")
PATIENT = rule_of(every="1m", for_="2m")
(OPS,) = webhooks("generic")


def finding(outcome, *breaching):
    measured = tuple(Measured({"name": name}, "breach", 50, 1.0, "says") for name in breaching)
    return Finding(outcome, outcome, None, 0, "calls", 0, len(breaching), 0, 0, "", "", measured, ())


def standing(state, since=NOW - MINUTE, evaluated=NOW - MINUTE, **fields):
    return replace(noted(RULE, None), state=state, since_unix_ns=since, evaluated_unix_ns=evaluated, **fields)


@pytest.mark.parametrize(
    ("before", "outcome", "after"),
    [
        ("unknown", "well", "ok"),
        ("unknown", "breach", "firing"),
        ("unknown", "unknown", "unknown"),
        ("ok", "well", "ok"),
        ("ok", "breach", "firing"),
        ("ok", "unknown", "unknown"),
        ("pending", "well", "ok"),
        ("pending", "breach", "firing"),
        ("pending", "unknown", "unknown"),
        ("firing", "well", "resolved"),
        ("firing", "breach", "firing"),
        ("firing", "unknown", "firing"),
        ("resolved", "well", "ok"),
        ("resolved", "breach", "firing"),
        ("resolved", "unknown", "resolved"),
    ],
)
def test_every_step(before, outcome, after):
    """Without `for`; a state that stays keeps since when it is, and one that begins begins now."""
    note = advanced(RULE, standing(before), finding(outcome), NOW)
    assert note.state == after
    assert note.since_unix_ns == (NOW - MINUTE if after == before else NOW)
    assert note.evaluated_unix_ns == NOW


def test_a_breach_fires_when_it_has_lasted():
    note = standing("ok")
    states = []
    for minute in range(4):
        note = advanced(PATIENT, note, finding("breach"), NOW + minute * MINUTE)
        states.append(note.state)
    assert states == ["pending", "pending", "firing", "firing"]


def test_a_breach_that_nobody_watched_has_not_lasted():
    """The server was down for an hour: what was pending then has to last anew."""
    before = standing("pending", since=NOW - 60 * MINUTE, evaluated=NOW - 59 * MINUTE)
    assert advanced(PATIENT, before, finding("breach"), NOW).state == "pending"


def test_firing_is_told_once_and_its_end_once():
    note = advanced(RULE, standing("ok"), finding("breach", "f"), NOW)
    assert due(RULE, note, OPS, NOW)
    note = told(note, [OPS], NOW)
    note = advanced(RULE, note, finding("breach", "f"), NOW + MINUTE)
    assert not due(RULE, note, OPS, NOW + MINUTE)
    note = advanced(RULE, note, finding("well"), NOW + 2 * MINUTE)
    assert note.state == "resolved"
    assert due(RULE, note, OPS, NOW + 2 * MINUTE)
    # Not delivered, so it stays due however often the rule is well.
    note = advanced(RULE, note, finding("well"), NOW + 3 * MINUTE)
    assert due(RULE, note, OPS, NOW + 3 * MINUTE)
    note = told(note, [OPS], NOW + 3 * MINUTE)
    assert not due(RULE, note, OPS, NOW + 3 * MINUTE)
    assert advanced(RULE, note, finding("well"), NOW + 4 * MINUTE).state == "ok"


def test_who_never_heard_of_it_is_not_told_that_it_is_over():
    note = advanced(RULE, standing("firing"), finding("well"), NOW)
    assert note.state == "resolved"
    assert not due(RULE, note, OPS, NOW)


def firing_told(**fields):
    rule = rule_of(every="1m", **fields)
    return rule, told(advanced(rule, standing("ok"), finding("breach", "f"), NOW), [OPS], NOW)


@pytest.mark.parametrize(("repeat", "after", "again"), [("4h", 239, False), ("4h", 240, True), ("0s", 10_000, False)])
def test_a_breach_that_lasts_is_told_again(repeat, after, again):
    rule, note = firing_told(repeat=repeat)
    now = NOW + after * MINUTE
    assert due(rule, advanced(rule, note, finding("breach", "f"), now), OPS, now) is again


def test_while_nothing_is_known_nothing_is_repeated():
    rule, note = firing_told(repeat="1m")
    note = advanced(rule, note, finding("unknown"), NOW + 60 * MINUTE)
    assert note.state == "firing"
    assert not due(rule, note, OPS, NOW + 60 * MINUTE)


def test_a_further_function_is_told_of_at_once_and_once():
    rule, note = firing_told(repeat="0s")
    note = advanced(rule, note, finding("breach", "f", "g"), NOW + MINUTE)
    assert due(rule, note, OPS, NOW + MINUTE)
    note = told(note, [OPS], NOW + MINUTE)
    for names in (("g",), ("f",), ("f", "g")):
        note = advanced(rule, note, finding("breach", *names), NOW + 2 * MINUTE)
        assert not due(rule, note, OPS, NOW + 2 * MINUTE)


def test_alertmanager_is_told_at_each_evaluation():
    """It forgets alerts that nobody repeats."""
    (manager,) = webhooks("alertmanager")
    note = told(advanced(RULE, standing("ok"), finding("breach"), NOW), [manager], NOW)
    assert due(RULE, advanced(RULE, note, finding("breach"), NOW + MINUTE), manager, NOW + MINUTE)


def test_a_webhook_that_is_gone_is_not_waited_for():
    rule, note = firing_told()
    note = without_strangers(note, [])
    note = advanced(rule, note, finding("well"), NOW + MINUTE)
    assert advanced(rule, note, finding("well"), NOW + 2 * MINUTE).state == "ok"
