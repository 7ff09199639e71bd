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

A file is used whole or not at all. What is wrong with it is said with file, line and field, all of it at once; and
whatever a rule would ask is read where questions are read, so that no rule is taken that no server could answer.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from spanhouse_backend.alerts.plain_yaml import Document, NotPlainError, read_plain_yaml
from spanhouse_backend.alerts.plain_yaml import Path as FieldPath
from spanhouse_backend.alerts.reports import Report
from spanhouse_backend.alerts.rules import KINDS, AnyRule, Rule, Strict
from spanhouse_backend.alerts.webhook import Webhook
from spanhouse_backend.errors import InvalidQuestion, SettingsError

MAX_FILE_BYTES = 256 * 1024
# What a question calls what a rule calls otherwise.
_FIELDS = {"since": "window", "candidate": "window", "levels": "measure"}
# In a library's words for what people get wrong most often; others are told as they are.
_WORDS = {
    "extra_forbidden": "there is no such field",
    "missing": "is missing",
    "union_tag_not_found": f"is missing: one of {', '.join(KINDS)}",
    "union_tag_invalid": f"is not one of {', '.join(KINDS)}",
    "dict_type": "is to be fields with their values",
    "model_type": "is to be fields with their values",
    "model_attributes_type": "is to be fields with their values",
    "tuple_type": "is to be a list",
    "string_type": "is to be a text",
}
_NO_PATHS = frozenset({"union_tag_not_found", "union_tag_invalid"})


class RuleFile(Strict):
    """Rules, reports, and who is told."""

    rules: tuple[AnyRule, ...] = Field((), max_length=200)
    reports: tuple[Report, ...] = Field((), max_length=50)
    notify: tuple[Webhook, ...] = Field((), max_length=20)

    def webhooks_of(self, entry: Rule | Report) -> list[Webhook]:
        """Who is told of a rule or a report."""
        named = [one for one in self.notify if entry.notify is None or one.name in entry.notify]
        return [one for one in named if one.template != "alertmanager" or not isinstance(entry, Report)]


class Problem(NamedTuple):
    """Something that is wrong with a file: on which line, with which field of it ("" for all), and what."""

    line: int
    field: str
    problem: str


def read_rules(path: Path, option: str = "") -> RuleFile:
    """The rules in `path`. Raises SettingsError, a line for each problem; an `option` is named in front."""
    prefix = f"{option}: " if option else ""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise SettingsError(f"{prefix}cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{prefix}{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"{prefix}{path} has more than {MAX_FILE_BYTES} bytes")
    found = parse_rules(text)
    if isinstance(found, RuleFile):
        return found
    raise SettingsError("\n".join(f"{prefix}{path}:{one.line}: {_said(one)}" for one in found))


def parse_rules(text: str) -> RuleFile | list[Problem]:
    """The rules in a text, or all that is wrong with it, in order."""
    try:
        document = read_plain_yaml(text)
    except NotPlainError as error:
        return [Problem(error.line, "", error.problem)]
    try:
        rules = RuleFile.model_validate({} if document.value is None else document.value)
    except ValidationError as error:
        return sorted(_problem(document, found["type"], found["loc"], found["msg"]) for found in error.errors())
    return sorted(_inconsistencies(document, rules)) or rules


def schema_text() -> str:
    """The JSON Schema of such files, for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | RuleFile.model_json_schema(by_alias=True)
    return json.dumps(schema | {"title": "Rules of spanhouse"}, indent=2)


def _said(problem: Problem) -> str:
    return f"{problem.field}: {problem.problem}" if problem.field else problem.problem


def _problem(document: Document, kind: str, location: FieldPath, message: str) -> Problem:
    path: FieldPath = ()
    field: list[str | int] = []
    for part in location:
        if (*path, part) in document.lines:
            path = (*path, part)
        elif part in KINDS:
            continue  # the library's name for which of the kinds it took the rule for
        field.append(part)
    if kind in _NO_PATHS:
        field.append("kind")
        path = (*path, "kind") if (*path, "kind") in document.lines else path
    return Problem(document.lines[path], _dotted(field), _WORDS.get(kind, message))


def _dotted(field: Iterable[str | int]) -> str:
    """rules[0].above"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in field).removeprefix(".")


def _inconsistencies(document: Document, rules: RuleFile) -> Iterator[Problem]:
    """What only shows when everything is there: questions nobody could answer, names given twice or to nobody."""

    def at(*path: str | int, problem: str) -> Problem:
        known = path if path in document.lines else path[:-1]
        return Problem(document.lines[known], _dotted(path), problem)

    webhooks = {webhook.name: webhook for webhook in rules.notify}
    names = Counter(name for _, _, name, _ in _named(rules))
    for section, index, name, entry in _named(rules):
        if names[name] > 1:
            called = "rule" if section == "rules" else "report"
            yield at(
                section, index, called, problem=f"{name!r} is the name of {names[name]} entries: give each its own"
            )
        for told in entry.notify or ():
            if told not in webhooks:
                yield at(section, index, "notify", problem=f"there is no webhook named {told!r} below notify")
            elif section == "reports" and webhooks[told].template == "alertmanager":
                yield at(section, index, "notify", problem=f"{told!r} takes alerts, and no reports")
        if (error := _refused(entry)) is not None:
            field = _FIELDS.get(error.parameter, error.parameter)
            where = "" if error.column is None else f"column {error.column}: "
            yield at(section, index, field, problem=f"{where}{error.problem}")
    told_names = Counter(webhook.name for webhook in rules.notify)
    for index, webhook in enumerate(rules.notify):
        if told_names[webhook.name] > 1:
            yield at("notify", index, "name", problem=f"{webhook.name!r} is the name of {told_names[webhook.name]}")


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
