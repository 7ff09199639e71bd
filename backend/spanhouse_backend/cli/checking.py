"""What `spanhouse check` does: asks each rule's question, and prints what it found."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click
import grpc
from rich.console import Console
from rich.text import Text

from spanhouse_backend.alerts.finding import Finding
from spanhouse_backend.alerts.rule_file import RuleFile, read_rules
from spanhouse_backend.alerts.rules import Rule, group_text
from spanhouse_backend.boards.board_file import read_boards
from spanhouse_backend.cli.asking import parts
from spanhouse_backend.cli.client import Where, ask
from spanhouse_backend.cli.output import console, count, printable, write_json
from spanhouse_backend.errors import SettingsError
from spanhouse_proto.query_pb2_grpc import QueryStub

ReadT = TypeVar("ReadT")
BREACH, NOT_TOLD = 1, 2
_STYLES = {"breach": "bold red", "well": "green", "unknown": "yellow", "failed": "bold red"}
_WIDTH = max(map(len, _STYLES))
# What only this rule's question met with; anything else is no better for the next one.
_OF_ONE_RULE = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.NOT_FOUND,
    }
)


class _NotToldError(click.ClickException):
    """Nobody could be asked. Not exit code 1, which says that somebody was, and found a breach."""

    exit_code = NOT_TOLD


class _Checked(NamedTuple):
    """A rule and what it found; None, and the `problem`, when it could not be asked."""

    rule: Rule
    finding: Finding | None
    problem: str

    @property
    def outcome(self) -> str:
        return self.finding.outcome if self.finding else "failed"

    def document(self) -> dict[str, Any]:
        found = asdict(self.finding) if self.finding else {"outcome": "failed"}
        named = {"rule": self.rule.rule, "kind": self.rule.kind, "means": self.rule.means()}
        return named | found | {"problem": self.problem}


def check_rules(file: Path, form: str, where: Where) -> int:
    """Judges the rules of `file`, prints what they found as "text" or "json", and returns the exit code.

    Raises click.ClickException, exit code 2, when the file or an answer cannot be had.
    """
    checked = _judge(_read(file, read_rules), where)
    if form == "json":
        write_json({"outcome": _overall(checked), "rules": [one.document() for one in checked]})
    else:
        _print(checked, console())
    return {"breach": BREACH, "failed": NOT_TOLD}.get(_overall(checked), 0)


def list_rules(file: Path, form: str) -> None:
    """Prints what the rules of `file` say. Raises click.UsageError."""
    rules = _read(file, read_rules)
    if form == "json":
        write_json({"rules": [rule.model_dump(mode="json", by_alias=True) for rule in rules.rules]})
        return
    out = console()
    for rule in rules.rules:
        _line(out, Text(printable(rule.rule), "bold"), f": {rule.means()}")
        if rule.description:
            _line(out, Text(f"  {printable(rule.description)}", "dim"))


def list_boards(file: Path, form: str) -> None:
    """Prints what boards are in `file`. Raises click.UsageError when a server would refuse it."""
    boards = _read(file, read_boards).boards
    if form == "json":
        write_json({"boards": [board.model_dump(mode="json", exclude_none=True) for board in boards]})
        return
    out = console()
    for board in boards:
        title = f": {printable(board.title)}" if board.title else ""
        _line(out, Text(board.name, "bold"), f"{title} ({count(len(board.panels), 'panel')})")
    if not boards:
        _line(out, "There are no boards in the file.")


def _read(file: Path, read: Callable[[Path], ReadT]) -> ReadT:
    try:
        return read(file)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def _judge(rules: RuleFile, where: Where) -> list[_Checked]:
    try:
        return ask(where, lambda query: [_one(query, rule) for rule in rules.rules])
    except click.ClickException as error:
        raise _NotToldError(error.message) from error


def _one(query: QueryStub, rule: Rule) -> _Checked:
    asked = rule.asks()
    try:
        head, rows = parts(query, asked.question, asked.texts)
        return _Checked(rule, rule.judge({**head, "rows": list(rows)}), "")
    except grpc.RpcError as error:
        # grpc's synchronous calls raise what is both the error and the finished call.
        call = cast("grpc.Call", error)
        if call.code() not in _OF_ONE_RULE:
            raise
        return _Checked(rule, None, str(call.details()))


def _overall(checked: list[_Checked]) -> str:
    outcomes = {one.outcome for one in checked}
    return next((outcome for outcome in ("breach", "failed", "unknown") if outcome in outcomes), "well")


def _print(checked: list[_Checked], out: Console) -> None:
    for one in checked:
        outcome = Text(f"{one.outcome:{_WIDTH}}  ", _STYLES[one.outcome])
        summary = one.finding.summary if one.finding else one.problem
        _line(out, outcome, Text(printable(one.rule.rule), "bold"), f": {printable(summary)}")
        if one.finding:
            _details(out, one.rule, one.finding)
    if checked:
        counts = _counts(checked)
        _line(out, f"{count(len(checked), 'rule')}: {', '.join(f'{n} {what}' for what, n in counts.items() if n)}")
    else:
        _line(out, "There are no rules in the file.")


def _details(out: Console, rule: Rule, finding: Finding) -> None:
    indent = " " * (_WIDTH + 2)
    told = [one for one in finding.measured if one.outcome == "breach"]
    if told:
        _line(out, Text(f"{indent}{printable(rule.means())}, from {finding.from_time} until {finding.to_time}", "dim"))
    if len(told) > 1:
        for one in told:
            _line(out, f"{indent}- {printable(group_text(one.group) or rule.calls_meant())}: {printable(one.says)}")
    if finding.breaching > len(told):
        _line(out, f"{indent}- and {finding.breaching - len(told):,} more")
    if finding.outcome != "unknown" and finding.unknown:
        _line(out, Text(f"{indent}too few calls to tell of {finding.unknown:,} more", "dim"))
    for note in finding.notes:
        _line(out, Text(f"{indent}Note: {note}", "dim"))


def _counts(checked: list[_Checked]) -> Mapping[str, int]:
    return {outcome: sum(one.outcome == outcome for one in checked) for outcome in _STYLES}


def _line(out: Console, *pieces: str | Text) -> None:
    out.print(Text.assemble(*pieces), soft_wrap=True)
