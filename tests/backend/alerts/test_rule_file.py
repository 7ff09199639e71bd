"""A file of rules is taken whole, or refused with every mistake by line and field."""

import json

import jsonschema
import pytest

from spanhouse_backend.alerts.rule_file import parse_rules, read_rules, schema_text
from spanhouse_backend.alerts.rules import KINDS, AbsenceRule, ErrorRateRule, PercentileRule, RegressionRule
from spanhouse_backend.declared.file import MAX_FILE_BYTES
from spanhouse_backend.errors import SettingsError

GOOD = """\
rules:
  - rule: fast
    kind: percentile
    service: checkout
    name: checkout.pay
    measure: p99.9
    above: 1.5s
    window: 1h30m
    min_calls: 100
  - rule: works
    kind: error_rate
    filter: kind=server attr.tier=gold
    group: service
    above: 5%
  - rule: no slower
    kind: regression
    baseline: 25h..24h
    worse: [slower]
  - rule: alive
    kind: absence
    service: checkout
    at_least: 10
"""


def test_a_good_file_is_read():
    fast, works, slower, alive = parse_rules(GOOD).rules
    assert isinstance(fast, PercentileRule)
    assert (fast.above, fast.window, fast.measure, fast.min_calls) == (1_500_000_000, 5400, "p99.9", 100)
    assert isinstance(works, ErrorRateRule)
    assert (works.above, works.window, works.group) == (0.05, 900, "service")
    assert isinstance(slower, RegressionRule)
    assert (slower.worse, slower.window) == (("slower",), 3600)
    assert isinstance(alive, AbsenceRule)
    assert alive.at_least == 10


def test_a_file_without_rules_has_none():
    assert parse_rules("").rules == parse_rules("rules: []").rules == ()


RULE = "rules:\n  - rule: a\n    kind: percentile\n    above: 250ms\n"


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ("rule: a\n", 1, "rule", "there is no such field"),
        ("- a\n", 1, "", "is to be fields with their values"),
        ("rules: 5\n", 1, "rules", "is to be a list"),
        ("rules:\n  - fast\n", 2, "rules[0]", "is to be fields with their values"),
        ("rules:\n  - rule: a\n", 2, "rules[0].kind", "is missing: one of percentile"),
        ("rules:\n  - rule: a\n    kind: p99\n", 3, "rules[0].kind", "is not one of percentile"),
        ("rules:\n  - rule: a\n    kind: percentile\n", 2, "rules[0].above", "is missing"),
        ("rules:\n  - kind: absence\n", 2, "rules[0].rule", "is missing"),
        ("rules:\n  - kind: absence\n    rule:\n", 3, "rules[0].rule", "is to be a text"),
        (RULE.replace("250ms", "250"), 4, "rules[0].above", "'250' is not a length of time"),
        (RULE.replace("250ms", "0s"), 4, "rules[0].above", "0 is no threshold"),
        (RULE + "    above: 1s\n", 5, "", "'above' is given twice"),
        (RULE + "    treshold: 1s\n", 5, "rules[0].treshold", "there is no such field"),
        (RULE + "    measure: p98\n", 5, "rules[0].measure", "'p99.9', 'max' or 'mean'"),
        (RULE + "    window: 1s\n", 5, "rules[0].window", "from 1m to 400d"),
        (RULE + "    window: [1m]\n", 5, "rules[0].window", "is to be a length of time"),
        (RULE + "    min_calls: 0\n", 5, "rules[0].min_calls", "greater than or equal to 1"),
        (RULE + "    filter: stat us=5\n", 5, "rules[0].filter", "column 1: there is no field 'stat'"),
        (RULE + "    filter: status=\n", 5, "rules[0].filter", "column 8: found the end where"),
        (RULE + "    group: duration\n", 5, "rules[0].group", "cannot be grouped by duration"),
        (RULE + RULE.removeprefix("rules:\n"), 2, "rules[0].rule", "'a' is the name of 2 entries"),
        (RULE.replace("rule: a", r'rule: "\a"'), 2, "rules[0].rule", "characters that cannot be printed"),
        ("rules:\n  - rule: a\n    kind: error_rate\n    above: 5\n", 4, "rules[0].above", "write 5% or 0.05"),
        ("rules:\n  - rule: a\n    kind: error_rate\n    above: 100%\n", 4, "rules[0].above", "write 5% or 0.05"),
        ("rules:\n  - rule: a\n    kind: regression\n    window: 2h\n", 4, "rules[0].window", "overlaps"),
        ("rules:\n  - rule: a\n    kind: regression\n    baseline: 1y\n", 4, "rules[0].baseline", "not a time"),
        ("rules:\n  - rule: a\n    kind: regression\n    worse: []\n", 4, "rules[0].worse", "at least 1 item"),
        ("rules: [a\n", 2, "", "expected ',' or ']'"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(text, line, field, problem):
    (found,) = [one for one in parse_rules(text) if one.field == field][:1] or [parse_rules(text)[0]]
    assert (found.line, found.field) == (line, field)
    assert problem in found.problem


def test_all_mistakes_are_told_at_once_in_order():
    found = parse_rules("rules:\n  - rule: a\n    kind: absence\n    at_least: 0\n    windov: 1m\n  - kind: x\n")
    assert [(one.line, one.field) for one in found] == [
        (4, "rules[0].at_least"),
        (5, "rules[0].windov"),
        (6, "rules[1].kind"),
    ]


def test_the_file_is_named_with_the_line(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - kind: absence\n")
    with pytest.raises(SettingsError) as refused:
        read_rules(file, "--rules")
    assert str(refused.value) == f"--rules: {file}:2: rules[0].rule: is missing"


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xff", "not UTF-8"), (b"#" * (MAX_FILE_BYTES + 1), "more than"), (None, "No such file")]
)
def test_a_file_that_is_none_is_refused(tmp_path, content, problem):
    file = tmp_path / "rules.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=problem):
        read_rules(file)


def test_the_schema_is_one_and_agrees_with_the_reader():
    """What editors complete is what is read: names of fields, kinds, defaults."""
    schema = json.loads(schema_text())
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    check = validator(schema)
    as_yaml_1_2_reads_it = {
        "rules": [
            {"rule": "a", "kind": "percentile", "above": "250ms", "min_calls": 5},
            {"rule": "b", "kind": "error_rate", "above": 0.05},
            {"rule": "c", "kind": "error_rate", "above": "5%"},
            {"rule": "d", "kind": "regression", "worse": ["errors"]},
            {"rule": "e", "kind": "absence", "window": "5m"},
        ]
    }
    assert list(check.iter_errors(as_yaml_1_2_reads_it)) == []
    for wrong in ({"kind": "other"}, {"above": "5"}, {"foo": 1}, {"window": "soon"}):
        rule = {"rule": "a", "kind": "percentile", "above": "250ms"} | wrong
        assert list(check.iter_errors({"rules": [rule]})), wrong
    kinds = schema["properties"]["rules"]["items"]["discriminator"]["mapping"]
    assert set(kinds) == set(KINDS)
    for definition in schema["$defs"].values():
        for name, field in definition["properties"].items():
            if "default" in field:
                assert list(validator(field).iter_errors(field["default"])) == [], name
