"""Raw SQL, from what somebody wrote to the bytes of an answer: parsed by the engine, checked, rewritten, run.

`sql_guard` says what may be run and why that is tight, `store.sandbox` bounds what it may take. The answer's bytes
are the engine's own, in the format that was asked for or that the statement names, and are passed through untouched.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion, StatementFailed
from spanhouse_backend.query.sql_guard import check, statement_tree
from spanhouse_backend.query.sql_names import DATABASE, Refused, check_table
from spanhouse_backend.store.sandbox import Sandbox

MAX_STATEMENT_BYTES = 64 * 1024
MAX_PARAMETERS = 100
# ClickHouse's names. None takes a schema, reads or writes a file, or cuts the answer (Pretty does).
MEDIA_TYPES = {
    "Arrow": "application/vnd.apache.arrow.file",
    "ArrowStream": "application/vnd.apache.arrow.stream",
    "CSV": "text/csv; charset=utf-8",
    "CSVWithNames": "text/csv; charset=utf-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=utf-8; header=present",
    "JSON": "application/json",
    "JSONColumns": "application/json",
    "JSONCompact": "application/json",
    "JSONCompactEachRow": "application/x-ndjson",
    "JSONCompactEachRowWithNames": "application/x-ndjson",
    "JSONCompactEachRowWithNamesAndTypes": "application/x-ndjson",
    "JSONEachRow": "application/x-ndjson",
    "JSONStrings": "application/json",
    "JSONStringsEachRow": "application/x-ndjson",
    "Markdown": "text/markdown; charset=utf-8",
    "Native": "application/octet-stream",
    "Null": "text/plain; charset=utf-8",
    "Parquet": "application/vnd.apache.parquet",
    "RowBinary": "application/octet-stream",
    "RowBinaryWithNames": "application/octet-stream",
    "RowBinaryWithNamesAndTypes": "application/octet-stream",
    "TSV": "text/tab-separated-values; charset=utf-8",
    "TSVWithNames": "text/tab-separated-values; charset=utf-8",
    "TSVWithNamesAndTypes": "text/tab-separated-values; charset=utf-8",
    "TabSeparated": "text/tab-separated-values; charset=utf-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=utf-8",
    "TabSeparatedWithNamesAndTypes": "text/tab-separated-values; charset=utf-8",
    "Values": "text/plain; charset=utf-8",
    "Vertical": "text/plain; charset=utf-8",
}
_EXACT_NAMES = {name.lower(): name for name in MEDIA_TYPES}
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Nothing between the words but spaces and lines, and no escapes in a quoted name: what differs is refused.
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\]+"|`[^`\\]+`)'
_ABOUT_TABLE = re.compile(
    r"\s*(?:(?P<describe>DESC(?:RIBE)?(?:\s+TABLE)?)|(?P<show_create>SHOW\s+CREATE(?:\s+TABLE)?)|"
    rf"(?P<exists>EXISTS(?:\s+TABLE)?))\s+(?:(?P<database>{_NAME})\s*\.\s*)?(?P<table>{_NAME})"
    r"(?:\s+FORMAT\s+(?P<format>\w+))?\s*;?\s*",
    re.IGNORECASE,
)


class SqlAnswer(NamedTuple):
    """The engine's bytes and what they are."""

    body: bytes
    output_format: str
    """One of MEDIA_TYPES."""


class Ready(NamedTuple):
    """A statement that was checked, as it is run."""

    text: str
    parameters: Mapping[str, str]
    output_format: str
    """What its FORMAT clause named, '' without one."""


class SqlReader:
    """Answers statements that users write, in a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._parse_sql = _sql("parse_statement.sql")
        self._rewrite_sql = _sql("rewrite_statement.sql")
        self._about_table_sql = {kind: _sql(f"{kind}_table.sql") for kind in ("describe", "show_create", "exists")}

    async def run(self, statement: str, parameters: Mapping[str, str], output_format: str) -> SqlAnswer:
        """The answer to one statement in a format of MEDIA_TYPES, unless the statement names another with FORMAT.

        `parameters` are the values of its `{name:Type}` placeholders, as text. Raises InvalidQuestion when it may not
        be run, StatementFailed when the engine finds it wrong or stops it at a limit, Overloaded when too many wait.
        """
        ready = await self.ready(statement, parameters)
        chosen = known_format("query", ready.output_format) if ready.output_format else output_format
        return SqlAnswer(await self._sandbox.run(ready.text, ready.parameters, chosen), chosen)

    async def ready(self, statement: str, parameters: Mapping[str, str]) -> Ready:
        """What to run for a statement. Raises as `run` does, before any of it is run."""
        _check_texts(statement, parameters)
        return self._about_table(statement, parameters) or await self._checked(statement, parameters)

    def _about_table(self, statement: str, parameters: Mapping[str, str]) -> Ready | None:
        match = _ABOUT_TABLE.fullmatch(statement)
        if match is None or match.lastgroup is None:
            return None
        kind = next(kind for kind in self._about_table_sql if match[kind])
        database, table = ((match[part] or "").strip('"`') for part in ("database", "table"))
        try:
            check_table(database, table)
        except Refused as refused:
            raise InvalidQuestion("query", str(refused)) from refused
        _check_given(frozenset(), parameters)
        named = {"database": database or DATABASE, "table": table}
        return Ready(self._about_table_sql[kind], named, match["format"] or "")

    async def _checked(self, statement: str, parameters: Mapping[str, str]) -> Ready:
        try:
            (document,) = await self._sandbox.parse(self._parse_sql, {"statement": statement})
        except StatementFailed as failed:
            raise InvalidQuestion("query", _of_parser(failed)) from failed
        try:
            tree, output_format = statement_tree(document)
            rewritten = await self._sandbox.parse(
                self._rewrite_sql, {"tree": json.dumps(tree, ensure_ascii=False, separators=(",", ":"))}
            )
            text, document, again = rewritten
            checked = check(document, text, again)
        except (Refused, StatementFailed) as refused:
            raise InvalidQuestion("query", str(refused)) from refused
        _check_given(checked.parameters, parameters)
        return Ready(checked.text, dict(parameters), output_format)


def known_format(parameter: str, name: str) -> str:
    """ClickHouse's name of a format, whatever its case. Raises InvalidQuestion naming `parameter`."""
    if name.lower() not in _EXACT_NAMES:
        raise InvalidQuestion(parameter, f"{name[:100]!r} is not a format: choose one of {', '.join(MEDIA_TYPES)}")
    return _EXACT_NAMES[name.lower()]


def _sql(name: str) -> str:
    return (files("spanhouse_backend.query") / "sql" / name).read_text(encoding="utf-8")


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


def _check_given(wanted: frozenset[str], parameters: Mapping[str, str]) -> None:
    for name in sorted(wanted - parameters.keys()):
        raise InvalidQuestion(f"param_{name[:100]}", "the statement has this placeholder, and no value is given")
    for name in sorted(parameters.keys() - wanted):
        raise InvalidQuestion(f"param_{name}", "the statement has no placeholder of this name")


_NO_TREE = re.compile(r"AST node of type '(?P<kind>[A-Za-z]+)")


def _of_parser(failed: StatementFailed) -> str:
    """What the parser has to say, without the text of our statement around it."""
    message = str(failed).partition(": In scope SELECT parseQueryToJSON")[0]
    if match := _NO_TREE.search(message):
        kind = match["kind"].partition("Query")[0].upper()
        return f"only SELECT, SHOW, DESCRIBE and EXPLAIN are answered here, and this is {kind}"
    return message
