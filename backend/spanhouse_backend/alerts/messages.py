"""What is posted: the bodies of a webhook's requests, by its template, made of what is known already."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from spanhouse_backend.alerts.reports import Report
from spanhouse_backend.alerts.rules import Answered, Rule
from spanhouse_backend.alerts.webhook import Template
from spanhouse_backend.query.times import SECOND_NS, iso_time
from spanhouse_backend.store.rule_notes import RuleNote

VERSION = 1
"""Of the generic form: raised when a field goes or comes to mean something else."""
Body: TypeAlias = dict[str, Any] | list[dict[str, Any]]
# What Slack shows before it folds the rest away, and more than a person reads.
_MAX_TEXT_CHARACTERS = 8_000
_SLACK_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MOST_OFTEN_SECONDS = 300


def alert_body(template: Template, rule: Rule, note: RuleNote, now_ns: int) -> Body:
    """That a rule fires, or is well again."""
    return _ALERTS[template](rule, note, now_ns)


def report_body(template: Template, report: Report, answer: Answered) -> Body:
    """What a report has to tell."""
    text = report.text(answer)
    if template == "slack":
        return {"text": f"```\n{_for_slack(text)}\n```"}
    window = {"from": answer["from"], "to": answer["to"]}
    kind = {"version": VERSION, "kind": "report", "report": report.report, "show": report.show}
    return kind | window | {"text": text, "rows": report.rows(answer), "notes": list(answer.get("notes", ()))}


def _generic(rule: Rule, note: RuleNote, now_ns: int) -> Body:
    return {
        "version": VERSION,
        "kind": "alert",
        "state": note.state,
        "rule": rule.rule,
        "rule_kind": rule.kind,
        "means": note.means,
        "description": rule.description,
        "labels": rule.labels,
        "since": iso_time(note.since_unix_ns),
        "at": iso_time(now_ns),
        "text": _text(rule, note),
        "finding": note.finding,
    }


def _slack(rule: Rule, note: RuleNote, _now_ns: int) -> Body:
    return {"text": _for_slack(_text(rule, note))}


def _alertmanager(rule: Rule, note: RuleNote, now_ns: int) -> Body:
    """One alert, that ends when it is over, or when nobody has said for a while that it goes on."""
    lasts = max(4 * rule.every, _MOST_OFTEN_SECONDS) * SECOND_NS
    ends = note.since_unix_ns if note.state == "resolved" else now_ns + lasts
    annotations = {"summary": note.summary, "description": rule.description or note.means}
    alert: dict[str, Any] = {
        "labels": {**rule.labels, "alertname": rule.rule, "kind": rule.kind},
        "annotations": annotations,
        "endsAt": iso_time(ends),
    }
    if note.state == "firing":
        alert["startsAt"] = iso_time(note.since_unix_ns)
    return [alert]


_ALERTS: Mapping[Template, Callable[[Rule, RuleNote, int], Body]] = {
    "generic": _generic,
    "slack": _slack,
    "alertmanager": _alertmanager,
}


def _text(rule: Rule, note: RuleNote) -> str:
    lines = [f"{note.state}: {rule.rule}", note.summary]
    if note.state == "firing":
        breaches = [one for one in note.finding.get("measured", ()) if one["outcome"] == "breach"]
        if len(breaches) > 1:
            lines += [f"- {' '.join(one['group'].values())}: {one['says']}" for one in breaches]
    lines.append(f"The rule: {note.means}")
    if rule.description:
        lines.append(rule.description)
    return "\n".join(lines)[:_MAX_TEXT_CHARACTERS]


def _for_slack(text: str) -> str:
    """As Slack wants it: three characters mean something to it, and a fence would end a block of fixed width."""
    return text.replace("```", "'''").translate(_SLACK_ESCAPES)[:_MAX_TEXT_CHARACTERS]
