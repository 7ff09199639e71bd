"""What is posted, by template."""

import json
from dataclasses import asdict, replace

from spanhouse_backend.alerts.finding import Finding, Measured
from spanhouse_backend.alerts.messages import alert_body, report_body
from spanhouse_backend.alerts.rule_file import parse_rules
from spanhouse_backend.alerts.standing import noted

SECOND = 1_000_000_000
NOW = 1_767_607_200 * SECOND  # 2026-01-05T10:00:00Z
RULE = parse_rules(
    "rules:\n  - {rule: fast, kind: percentile, above: 250ms, labels: {team: a}, description: Look <here>}"
).rules[0]
SLOW = tuple(Measured({"service": "s", "name": name}, "breach", 50, 4e8, "p99 400ms") for name in ("<f>", "g & h"))
FOUND = Finding("breach", "s <f>: p99 400ms", 4e8, 25e7, "ns", 100, 2, 0, 0, "a", "b", SLOW, ())
NOTE = replace(
    noted(RULE, None), state="firing", since_unix_ns=NOW - 60 * SECOND, summary=FOUND.summary, finding=asdict(FOUND)
)


def test_the_generic_form_has_all_there_is():
    body = json.loads(json.dumps(alert_body("generic", RULE, NOTE, NOW), allow_nan=False))
    assert (body["version"], body["kind"], body["state"], body["rule"]) == (1, "alert", "firing", "fast")
    assert (body["since"], body["at"]) == ("2026-01-05T09:59:00Z", "2026-01-05T10:00:00Z")
    assert (body["labels"], body["finding"]["value"]) == ({"team": "a"}, 4e8)
    assert body["text"].splitlines() == [
        "firing: fast",
        "s <f>: p99 400ms",
        "- s <f>: p99 400ms",
        "- s g & h: p99 400ms",
        "The rule: p99 of all calls in 15m is at most 250ms",
        "Look <here>",
    ]


def test_slack_is_given_text_in_which_nothing_means_anything():
    text = alert_body("slack", RULE, NOTE, NOW)["text"]
    assert "s &lt;f&gt;: p99" in text
    assert "g &amp; h" in text
    assert "Look &lt;here&gt;" in text


def test_alertmanager_is_given_an_alert_that_ends_by_itself():
    """For when nobody says any more that it goes on: after four evaluations, and at least five minutes."""
    (alert,) = alert_body("alertmanager", RULE, NOTE, NOW)
    assert alert == {
        "labels": {"team": "a", "alertname": "fast", "kind": "percentile"},
        "annotations": {"summary": "s <f>: p99 400ms", "description": "Look <here>"},
        "startsAt": "2026-01-05T09:59:00Z",
        "endsAt": "2026-01-05T10:05:00Z",
    }
    (over,) = alert_body("alertmanager", RULE, replace(NOTE, state="resolved"), NOW)
    assert over["endsAt"] == "2026-01-05T09:59:00Z"


ROW = {
    "service": "s",
    "name": "f```<x>",
    "calls": 1234,
    "errors": 5,
    "p50_ns": 1_000_000,
    "p99_ns": 2_500_000,
    "max_ns": 9_000_000,
    "total_ns": 3_000_000_000,
}
ANSWER = {"from": "2026-01-04T00:00:00Z", "to": "2026-01-05T00:00:00Z", "notes": ["some expired"], "rows": [ROW]}


def test_a_report_is_a_table_and_its_rows():
    report = parse_rules("reports: [{report: daily}]").reports[0]
    body = report_body("generic", report, ANSWER)
    assert (body["kind"], body["report"], body["rows"]) == ("report", "daily", [ROW])
    head, columns, row, note = body["text"].splitlines()
    assert head == "daily: 2026-01-04T00:00:00Z until 2026-01-05T00:00:00Z"
    assert columns.split() == ["calls", "errors", "p50", "p99", "max", "total", "function"]
    assert row.split() == ["1,234", "5", "1ms", "2.5ms", "9ms", "3s", "s", "f```<x>"]
    assert note == "Note: some expired"
    slack = report_body("slack", report, ANSWER)["text"]
    assert slack.startswith("```\n")
    assert slack.endswith("\n```")
    assert slack.count("```") == 2
    assert "&lt;x&gt;" in slack


def test_a_report_of_nothing_says_so():
    report = parse_rules("reports: [{report: daily}, {report: worse, show: regressions}]").reports
    empty = ANSWER | {"rows": [], "notes": []}
    assert report[0].text(empty).endswith("\nNo calls.")
    assert report[1].text(empty).endswith("\nNothing became worse.")
