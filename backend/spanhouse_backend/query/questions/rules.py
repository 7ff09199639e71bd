"""`rules`: how the rules that a server keeps stand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.parameters import Limited
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.statements import statement


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """One group of calls as a rule found it: `breach`, `well` or `unknown`, its value, and in words."""

    group: Mapping[str, str]
    outcome: str
    calls: int
    value: float | None
    says: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule, or report (`kind`), of the file that the server was started with.

    `state` is ok, pending (in breach, not for long enough), firing, resolved (well again, and somebody is still to be
    told) or unknown, since `since_unix_ns`. `value`, the worst that was measured, and `threshold` are in `unit`: ns,
    share or calls. Times are 0 for never; `problem` is what kept it from being judged or told of, "" when nothing did.
    """

    rule: str
    kind: str
    means: str
    description: str
    state: str
    since_unix_ns: int
    evaluated_unix_ns: int
    told_unix_ns: int
    summary: str
    problem: str
    value: float | None
    threshold: float | None
    unit: str
    calls: int
    breaching: int
    groups: tuple[RuleGroup, ...]


@dataclass(frozen=True, kw_only=True)
class Rules(Question[Answer[RuleRow]], name="rules", row=RuleRow):
    """How do the rules stand that the server keeps, since when, and what did they find? Those in trouble come first."""

    limit: Limited

    async def answer(self, engine: Engine) -> Answer[RuleRow]:
        """One row a rule; none where no server was ever started with rules."""
        rows = await engine.rows(statement("rules.sql", {"limit": self.limit}))
        return Answer(source="raw", accuracy="exact", from_ns=0, to_ns=0, rows=tuple(map(_row, rows)))


def _row(values: dict[str, Any]) -> RuleRow:
    finding = json.loads(values.pop("finding") or "{}")
    return RuleRow(
        **values,
        value=finding.get("value"),
        threshold=finding.get("threshold"),
        unit=finding.get("unit", ""),
        calls=finding.get("calls", 0),
        breaching=finding.get("breaching", 0),
        groups=tuple(RuleGroup(**group) for group in finding.get("measured", ())),
    )
