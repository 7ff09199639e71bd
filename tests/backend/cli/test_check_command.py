"""`spanhouse check` says what is in breach and why, by its exit code too."""

import json
import time

import pytest
from otlp_requests import request
from query_house import MINUTE

MS = 1_000_000
SLOW = """\
rules:
  - rule: pay is fast
    kind: percentile
    service: checking
    name: pay
    above: 250ms
"""
WELL = "  - {rule: pay works, kind: error_rate, service: checking, above: 5%}\n"
UNKNOWN = "  - {rule: refunds work, kind: error_rate, service: checking, name: refund, above: 5%}\n"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    ago = time.time_ns() - 5 * MINUTE
    house.insert(
        request("checking", [400 * MS] * 100, name="pay", start_ns=ago),
        request("checking", [300 * MS] * 50, name="pay\x1b[2J", start_ns=ago),
    )


@pytest.fixture
def check(house, spanhouse, tmp_path):
    def run(rules, *arguments):
        file = tmp_path / "rules.yaml"
        file.write_text(rules)
        return spanhouse("check", str(file), "--server", house.grpc, *arguments)

    return run


def test_a_breach_is_told_with_its_figures_and_exit_code_1(check):
    shown = check(SLOW + WELL + UNKNOWN)
    assert (shown.exit_code, shown.stderr) == (1, "")
    breach, why, well, unknown, total = shown.stdout.splitlines()
    assert breach == "breach   pay is fast: checking pay: p99 400ms, above 250ms, of 100 calls"
    assert why.strip().startswith("p99 of pay of checking in 15m is at most 250ms, from 20")
    assert well == "well     pay works: checking pay: 0% failed, not above 5%: 0 of 100 calls (and 1 more)"
    assert unknown == "unknown  refunds work: nothing known of refund of checking: no calls in 15m"
    assert total == "3 rules: 1 breach, 1 well, 1 unknown"


def test_several_functions_in_breach_are_listed_and_cannot_steer_the_terminal(check):
    shown = check(SLOW.replace("    name: pay\n", ""))
    assert "- checking pay: p99 4" in shown.stdout
    assert "- checking pay\\x1b[2J: p99 3" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize("rules", ["rules:\n" + WELL, "rules:\n" + WELL + UNKNOWN, "rules:\n" + UNKNOWN, ""])
def test_without_a_breach_the_exit_code_is_0(check, rules):
    assert check(rules).exit_code == 0


def test_programs_get_everything_in_nanoseconds(check):
    shown = check(SLOW + UNKNOWN, "--format", "json")
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)
    assert found["outcome"] == "breach"
    slow, unknown = found["rules"]
    assert (slow["rule"], slow["kind"], slow["outcome"]) == ("pay is fast", "percentile", "breach")
    assert (slow["threshold"], slow["unit"], slow["calls"]) == (250 * MS, "ns", 100)
    assert slow["value"] == pytest.approx(400 * MS, rel=0.0056)
    assert slow["measured"][0]["group"] == {"service": "checking", "name": "pay"}
    assert (unknown["outcome"], unknown["value"]) == ("unknown", None)


def test_a_bad_file_is_exit_code_2_with_line_and_field(check):
    shown = check(SLOW.replace("250ms", "250"))
    assert shown.exit_code == 2
    assert "rules.yaml:6: rules[0].above: '250' is not a length of time" in shown.stderr


def test_what_only_the_engine_can_refuse_fails_its_rule_alone(check):
    """A pattern that its matcher cannot read; the other rules are judged, and the exit code says neither 0 nor 1."""
    bad = "  - {rule: bad, kind: absence, filter: 'name~\"(a\"'}\n"
    shown = check("rules:\n" + bad + WELL)
    assert shown.exit_code == 2
    failed, well, total = shown.stdout.splitlines()
    assert failed.startswith("failed   bad: filter: ")
    assert well.startswith("well     pay works: ")
    assert total == "2 rules: 1 well, 1 failed"
    assert check(SLOW + bad).exit_code == 1


def test_nobody_to_ask_is_exit_code_2(spanhouse, tmp_path):
    """1 would say that somebody looked."""
    (tmp_path / "rules.yaml").write_text(SLOW)
    shown = spanhouse("check", str(tmp_path / "rules.yaml"), "--server", "127.0.0.1:1")
    assert shown.exit_code == 2
    assert "no server answers" in shown.stderr


def test_rules_are_listed_without_asking_anybody(spanhouse, tmp_path):
    (tmp_path / "rules.yaml").write_text(SLOW + WELL)
    arguments = ["check", str(tmp_path / "rules.yaml"), "--list", "--server", "127.0.0.1:1"]
    shown = spanhouse(*arguments)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "pay is fast: p99 of pay of checking in 15m is at most 250ms",
        "pay works: at most 5% of calls of checking in 15m fail",
    ]
    listed = json.loads(spanhouse(*arguments, "--format", "json").stdout)
    assert [rule["kind"] for rule in listed["rules"]] == ["percentile", "error_rate"]


def test_the_schema_needs_no_file(spanhouse):
    shown = spanhouse("check", "--schema")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["properties"]["rules"]["type"] == "array"


def test_without_a_file_there_is_nothing_to_judge(spanhouse):
    shown = spanhouse("check")
    assert shown.exit_code == 2
    assert "Missing argument 'FILE'" in shown.stderr


BOARDS = """\
boards:
  - name: pay
    title: "Paying\\u202e"
    panels: [{title: Slow, question: slowest, show: table}, {title: Calls, question: series, show: bars}]
  - name: logs
    panels: [{title: Latest, question: logs, show: table}]
"""


def test_boards_are_checked_without_asking_anybody(spanhouse, tmp_path):
    """What they are, for people and for programs; and with a title or without."""
    (tmp_path / "boards.yaml").write_text(BOARDS.replace("\\u202e", ""))
    arguments = ["check", "--boards", str(tmp_path / "boards.yaml"), "--server", "127.0.0.1:1"]
    shown = spanhouse(*arguments)
    assert (shown.exit_code, shown.stdout) == (0, "pay: Paying (2 panels)\nlogs (1 panel)\n")
    (pay, logs) = json.loads(spanhouse(*arguments, "--format", "json").stdout)["boards"]
    assert [panel["question"] for panel in pay["panels"]] == ["slowest", "series"]
    assert logs["panels"] == [{"title": "Latest", "question": "logs", "show": "table"}]
    (tmp_path / "boards.yaml").write_text("")
    assert spanhouse(*arguments).stdout == "There are no boards in the file.\n"


def test_boards_that_no_server_would_take_are_exit_code_2(spanhouse, tmp_path):
    """With the line; and rules are no boards."""
    (tmp_path / "boards.yaml").write_text(BOARDS)
    shown = spanhouse("check", "--boards", str(tmp_path / "boards.yaml"))
    assert shown.exit_code == 2
    assert "boards.yaml:3: boards[0].title:" in shown.stderr
    (tmp_path / "rules.yaml").write_text(SLOW)
    shown = spanhouse("check", "--boards", str(tmp_path / "rules.yaml"))
    assert shown.exit_code == 2
    assert "rules.yaml:1: rules: there is no such field" in shown.stderr


def test_the_schema_of_boards_needs_no_file(spanhouse):
    shown = spanhouse("check", "--boards", "--schema")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["properties"]["boards"]["type"] == "array"
