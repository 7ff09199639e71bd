"""How a rule stands: what a finding makes of how it stood before, and who is to be told.

    ok ── breach ──> pending ── breach for `for` ──> firing ── well ──> resolved ── all were told ──> ok

`unknown` takes the place of ok where nothing is known. It ends a breach that was pending, and none that fires: that is
over only when calls are well again. Nothing here has a clock or asks anybody.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from spanhouse_backend.alerts.finding import Finding
from spanhouse_backend.alerts.rules import Rule, group_text
from spanhouse_backend.alerts.webhook import Webhook
from spanhouse_backend.query.times import SECOND_NS
from spanhouse_backend.store.rule_notes import RuleNote

NEW = "unknown"
# Names of groups that a webhook was told of; more are told of with the next repetition.
_MAX_TOLD_GROUPS = 200
# An evaluation that comes later than this many intervals after the last one does not go on from it.
_LAPSED = 3


def noted(rule: Rule, before: RuleNote | None) -> RuleNote:
    """The note of a rule that is in the file now: what it says, and how it stood if it was there before."""
    said = {"kind": rule.kind, "means": rule.means(), "description": rule.description, "gone": False}
    return replace(before, **said) if before else RuleNote(rule=rule.rule, state=NEW, **said)  # type: ignore[arg-type]  # all of them are what RuleNote has


def advanced(rule: Rule, before: RuleNote, finding: Finding, now_ns: int) -> RuleNote:
    """How the rule stands after a finding."""
    state = _next_state(rule, before, finding, now_ns)
    began = before.since_unix_ns if state == before.state and before.since_unix_ns else now_ns
    return replace(
        noted(rule, before),
        state=state,
        since_unix_ns=began,
        evaluated_unix_ns=now_ns,
        summary=finding.summary,
        problem="",
        finding=asdict(finding),
    )


def _next_state(rule: Rule, before: RuleNote, finding: Finding, now_ns: int) -> str:
    if finding.outcome == "unknown":
        return before.state if before.state in {"firing", "resolved"} else "unknown"
    if finding.outcome == "well":
        if before.state == "firing":
            return "resolved"
        return "resolved" if before.state == "resolved" and _knows_of_firing(before.told) else "ok"
    if before.state == "firing":
        return "firing"
    lapsed = now_ns - before.evaluated_unix_ns > _LAPSED * rule.every * SECOND_NS
    lasted = now_ns - before.since_unix_ns if before.state == "pending" and not lapsed else 0
    return "firing" if lasted >= rule.for_ * SECOND_NS else "pending"


def due(rule: Rule, note: RuleNote, webhook: Webhook, now_ns: int) -> bool:
    """Whether a webhook is to be told how the rule stands now."""
    told = note.told.get(webhook.name, {})
    if note.state != "firing":
        return note.state == "resolved" and told.get("state") == "firing"
    if told.get("state") != "firing" or told.get("since") != note.since_unix_ns:
        return True
    # While nothing is known, there is nothing new to say.
    return note.finding.get("outcome") == "breach" and _again(rule, note, webhook, told, now_ns)


def _again(rule: Rule, note: RuleNote, webhook: Webhook, told: Mapping[str, Any], now_ns: int) -> bool:
    """Whether a webhook that was told that the rule fires is told once more."""
    known = told["groups"]
    further = len(known) < _MAX_TOLD_GROUPS and not set(_groups(note)) <= set(known)
    repeated = rule.repeat > 0 and now_ns - told["at"] >= rule.repeat * SECOND_NS
    # Alertmanager forgets alerts that nobody repeats, and does its own repeating.
    return further or repeated or webhook.template == "alertmanager"


def told(note: RuleNote, webhooks: list[Webhook], now_ns: int) -> RuleNote:
    """The note after these webhooks were told how it stands."""

    def entry(webhook: Webhook) -> Mapping[str, Any]:
        before = note.told.get(webhook.name, {})
        same = before.get("state") == note.state and before.get("since") == note.since_unix_ns
        groups = [*(before.get("groups", []) if same else []), *_groups(note)]
        kept = list(dict.fromkeys(groups))[:_MAX_TOLD_GROUPS]
        return {"state": note.state, "since": note.since_unix_ns, "at": now_ns, "groups": kept}

    if not webhooks:
        return note
    return replace(note, told={**note.told, **{one.name: entry(one) for one in webhooks}}, told_unix_ns=now_ns)


def without_strangers(note: RuleNote, webhooks: list[Webhook]) -> RuleNote:
    """Without what webhooks were told that are no longer this rule's, so that none of them is waited for."""
    names = {webhook.name for webhook in webhooks}
    return replace(note, told={name: entry for name, entry in note.told.items() if name in names})


def _knows_of_firing(told: Mapping[str, Any]) -> bool:
    return any(entry.get("state") == "firing" for entry in told.values())


def _groups(note: RuleNote) -> list[str]:
    """The names of the groups in breach."""
    measured = note.finding.get("measured", ())
    return [group_text(one["group"]) for one in measured if one["outcome"] == "breach"]
