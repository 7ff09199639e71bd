"""The file of rules, read and checked as a whole: `spanhouse check FILE`, `spanhouse serve --rules FILE`.

    notify:
      - name: ops
        url: https://hooks.example.org/spanhouse
    rules:
      - rule: checkout is fast
        kind: percentile
        service: checkout
        above: 250ms
    reports:
      - report: the day before
        every: 1d
        at: "08:00"

How such files are read is declared/file.py; here is what can stand in one. Whatever a rule would ask is read where
questions are read, so that no rule is taken that no server could answer.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from spanhouse_backend.alerts.reports import Report
from spanhouse_backend.alerts.rules import KINDS, AnyRule, Rule
from spanhouse_backend.alerts.webhook import Webhook
from spanhouse_backend.declared.file import At, Declared, Problem
from spanhouse_backend.declared.strict import Strict
from spanhouse_backend.errors import InvalidQuestion

# What a question calls what a rule calls otherwise.
_FIELDS = {"since": "window", "candidate": "window", "levels": "measure"}


class RuleFile(Strict):
    """Rules, reports, and who is told."""

    rules: tuple[AnyRule, ...] = Field((), max_length=200)
    reports: tuple[Report, ...] = Field((), max_length=50)
    notify: tuple[Webhook, ...] = Field((), max_length=20)

    def webhooks_of(self, entry: Rule | Report) -> list[Webhook]:
        """Who is told of a rule or a report."""
        named = [one for one in self.notify if entry.notify is None or one.name in entry.notify]
        return [one for one in named if one.template != "alertmanager" or not isinstance(entry, Report)]


def read_rules(path: Path, option: str = "") -> RuleFile:
    """The rules in `path`. Raises SettingsError, a line for each problem; an `option` is named in front."""
    return _RULES.read(path, option)


def parse_rules(text: str) -> RuleFile | list[Problem]:
    """The rules in a text, or all that is wrong with it, in order."""
    return _RULES.parse(text)


def schema_text() -> str:
    """The JSON Schema of such files, for editors."""
    return _RULES.schema_text()


def _inconsistencies(rules: RuleFile, at: At) -> Iterator[Problem]:
    """What only shows when everything is there: questions nobody could answer, names given twice or to nobody."""
    webhooks = {webhook.name: webhook for webhook in rules.notify}
    names = Counter(name for _, _, name, _ in _named(rules))
    for section, index, name, entry in _named(rules):
        if names[name] > 1:
            called = "rule" if section == "rules" else "report"
            yield at((section, index, called), f"{name!r} is the name of {names[name]} entries: give each its own")
        for told in entry.notify or ():
            if told not in webhooks:
                yield at((section, index, "notify"), f"there is no webhook named {told!r} below notify")
            elif section == "reports" and webhooks[told].template == "alertmanager":
                yield at((section, index, "notify"), f"{told!r} takes alerts, and no reports")
        if (error := _refused(entry)) is not None:
            field = _FIELDS.get(error.parameter, error.parameter)
            where = "" if error.column is None else f"column {error.column}: "
            yield at((section, index, field), f"{where}{error.problem}")
    told_names = Counter(webhook.name for webhook in rules.notify)
    for index, webhook in enumerate(rules.notify):
        if told_names[webhook.name] > 1:
            yield at(("notify", index, "name"), f"{webhook.name!r} is the name of {told_names[webhook.name]}")


def _named(rules: RuleFile) -> Iterator[tuple[str, int, str, Rule | Report]]:
    """Everything that is judged or told of: its section, place there, and name."""
    for index, rule in enumerate(rules.rules):
        yield "rules", index, rule.rule, rule
    for index, report in enumerate(rules.reports):
        yield "reports", index, report.report, report


def _refused(entry: Rule | Report) -> InvalidQuestion | None:
    now_ns = time.time_ns()
    asked = entry.asks(entry.period(now_ns)) if isinstance(entry, Report) else entry.asks()
    try:
        asked.question.read(asked.texts, now_ns)
    except InvalidQuestion as error:
        return error
    return None


_RULES = Declared(RuleFile, "Rules of spanhouse", "kind", KINDS, _inconsistencies)
