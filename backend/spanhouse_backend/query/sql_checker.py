"""Raw SQL, from what somebody wrote to what may be run: parsed by the engine, checked, rewritten.

`sql_guard` says what may be run and why that is tight. Most who ask may not set anything; whoever takes settings from a
statement's SETTINGS clause gets them beside it and judges them (`sql_settings`), since the statement is run without.
"""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion, StatementFailed
from spanhouse_backend.query.sql_guard import Statement, Tree, check, statement_tree
from spanhouse_backend.query.sql_names import Refused, check_table
from spanhouse_backend.query.sql_settings import both_filters, condition_of, filters_literal, own_only, take_settings
from spanhouse_backend.query.statements import statement_text
from spanhouse_backend.store.sandbox import Parser

MAX_STATEMENT_BYTES = 64 * 1024
MAX_PARAMETERS = 100
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Nothing between the words but spaces and lines, and no escapes in a quoted name: what differs is refused.
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\]+"|`[^`\\]+`)'
_ABOUT_TABLE = re.compile(
    r"\s*(?:(?P<describe>DESC(?:RIBE)?(?:\s+TABLE)?)|(?P<show_create>SHOW\s+CREATE(?:\s+TABLE)?)|"
    rf"(?P<exists>EXISTS(?:\s+TABLE)?))\s+(?:(?P<database>{_NAME})\s*\.\s*)?(?P<table>{_NAME})"
    r"(?:\s+FORMAT\s+(?P<format>\w+))?\s*;?\s*",
    re.IGNORECASE,
)


class Checked(NamedTuple):
    """A statement as it is run."""

    text: str
    parameters: Mapping[str, str]
    output_format: str
    """What its FORMAT clause named, '' without one."""
    settings: Mapping[str, str] = {}
    """What its SETTINGS clause says; to be judged by who takes them."""
    filters: str = ""
    """The value of the setting additional_table_filters: what it brought, checked as it was, and `own_only`."""


class SqlChecker:
    """Checks statements about the tables of `database`.

    With `as_clickhouse` it takes the settings that they bring, and values that they do not ask for.
    """

    def __init__(self, parser: Parser, database: str, *, as_clickhouse: bool = False) -> None:
        self._parser = parser
        self._database = database
        self._as_clickhouse = as_clickhouse
        self._parse_sql = statement_text("parse_statement.sql")
        self._rewrite_sql = statement_text("rewrite_statement.sql")
        self._about_table_sql = {
            kind: statement_text(f"{kind}_table.sql") for kind in ("describe", "show_create", "exists")
        }

    async def checked(self, statement: str, parameters: Mapping[str, str]) -> Checked:
        """What to run for a statement and the values of its `{name:Type}` placeholders.

        Raises InvalidQuestion when it may not be run or is wrong, Overloaded when too many wait.
        """
        _check_texts(statement, parameters)
        return self._about_table(statement, parameters) or await self._rewritten(statement, parameters)

    def _about_table(self, statement: str, parameters: Mapping[str, str]) -> Checked | None:
        match = _ABOUT_TABLE.fullmatch(statement)
        if match is None or match.lastgroup is None:
            return None
        kind = next(kind for kind in self._about_table_sql if match[kind])
        database, table = ((match[part] or "").strip('"`') for part in ("database", "table"))
        try:
            check_table(database, table, self._database)
        except Refused as refused:
            raise InvalidQuestion("query", str(refused)) from refused
        self._wanted(frozenset(), parameters)
        named = {"database": database or self._database, "table": table}
        return Checked(self._about_table_sql[kind], named, match["format"] or "")

    async def _rewritten(self, statement: str, parameters: Mapping[str, str]) -> Checked:
        try:
            tree, output_format = statement_tree(await self._parsed(statement))
            settings, conditions = take_settings(tree) if self._as_clickhouse else ({}, {})
            checked = await self._check(tree)
            asked = {table: await self._condition(table, conditions[table]) for table in conditions}
        except (Refused, StatementFailed) as refused:
            raise InvalidQuestion("query", str(refused)) from refused
        filters = filters_literal(both_filters(own_only(self._database), asked))
        return Checked(checked.text, self._wanted(checked.parameters, parameters), output_format, settings, filters)

    def _wanted(self, names: frozenset[str], parameters: Mapping[str, str]) -> dict[str, str]:
        for name in sorted(names - parameters.keys()):
            raise InvalidQuestion(f"param_{name[:100]}", "the statement has this placeholder, and no value is given")
        for name in sorted(parameters.keys() - names):
            if not self._as_clickhouse:
                raise InvalidQuestion(f"param_{name}", "the statement has no placeholder of this name")
        return {name: parameters[name] for name in names}

    async def _parsed(self, statement: str) -> str:
        try:
            (document,) = await self._parser.parse(self._parse_sql, {"statement": statement})
        except StatementFailed as failed:
            if refused := _no_question(str(failed)):
                raise InvalidQuestion("query", str(refused)) from refused
            raise InvalidQuestion("query", _of_parser(failed)) from failed
        return document

    async def _check(self, tree: Tree) -> Statement:
        document = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
        text, document, again = await self._parser.parse(self._rewrite_sql, {"tree": document})
        return check(document, text, again, self._database)

    async def _condition(self, table: str, text: str) -> str:
        """A condition as the engine writes it when it stands alone in a SELECT, where it was checked."""
        database, name = ["", *table.split(".")][-2:]
        check_table(database, name, self._database)
        tree, _ = statement_tree(await self._parsed(f"SELECT {text}"))
        return condition_of(tree, await self._check(tree))


def _check_texts(statement: str, parameters: Mapping[str, str]) -> None:
    if not statement.strip():
        raise InvalidQuestion("query", "there is no statement")
    for name, text in (("query", statement), *((f"param_{name}", value) for name, value in parameters.items())):
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise InvalidQuestion(name[:100], "this is not UTF-8") from None
        if size > MAX_STATEMENT_BYTES:
            raise InvalidQuestion(name[:100], f"{size} bytes are more than the {MAX_STATEMENT_BYTES} that are taken")
    if len(parameters) > MAX_PARAMETERS:
        raise InvalidQuestion("param_*", f"there are {len(parameters)} parameters, and {MAX_PARAMETERS} are taken")
    for name in parameters:
        if not _PARAMETER.fullmatch(name):
            raise InvalidQuestion(f"param_{name[:100]}", "a parameter's name has letters, digits and _ only")


_NO_TREE = re.compile(r"AST node of type '(?P<kind>[A-Za-z]+)|^(?P<insert>INSERT) with inline data")


def _no_question(message: str) -> Refused | None:
    """What to say of a statement that the engine has no tree of, because it is no question."""
    match = _NO_TREE.search(message)
    if match is None:
        return None
    kind = match["insert"] or match["kind"].partition("Query")[0].upper()
    return Refused(f"only SELECT, SHOW, DESCRIBE and EXPLAIN are answered here, and this is {kind}")


def _of_parser(failed: StatementFailed) -> str:
    """What the parser has to say, without the text of our statement around it."""
    return str(failed).partition(": In scope SELECT parseQueryToJSON")[0]
