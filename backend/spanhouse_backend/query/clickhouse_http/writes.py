"""Statements that change something: what is done of them, for an administrator whom the server lets write.

Such a person may do whatever they like to the data: that is what the role and the option are for. What they may not do
is reach beyond it, to the files, the programs and the network of the machine that the server runs on, or to the server
itself; a token for a database is no login.

The engine writes the statement out again (`formatQuery`, which parses one statement and runs nothing), and it is that
text which is checked and run: in it names have no escapes, nothing stands between a function and its bracket, and there
are no comments. Of everything that the engine can call by a name and a bracket, what raw SQL may not call is refused,
by the engine's own lists; so are table engines that keep their data elsewhere, and words that name a file, a disk or
the server. Rows that an INSERT brings are handed to the engine apart from their statement, so that nothing in them is
read as SQL; in the format Values, which may hold expressions, expressions are turned off.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion, StatementFailed
from spanhouse_backend.query.clickhouse_http.asked import joined
from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.query.sql_names import TABLE_FUNCTIONS, check_function
from spanhouse_backend.query.sql_names import Refused as NameRefused
from spanhouse_backend.query.statements import statement_text
from spanhouse_backend.store.sandbox import Parser

# How statements begin that may be run, as the engine writes them.
_BEGINNINGS = re.compile(
    r"(?:ALTER TABLE|CHECK (?:TABLE|GRANT)|CREATE (?:OR REPLACE )?(?:TEMPORARY )?(?:TABLE|VIEW|MATERIALIZED VIEW|"
    r"DATABASE)|DELETE FROM|DESCRIBE|DETACH (?:TABLE|VIEW)|DROP (?:TEMPORARY )?(?:TABLE|VIEW|DATABASE)|EXCHANGE TABLES|"
    r"EXISTS|EXPLAIN|INSERT INTO|KILL (?:QUERY|MUTATION)|OPTIMIZE TABLE|RENAME (?:TABLE|DATABASE)|\(*SELECT|SHOW|"
    r"TRUNCATE|UPDATE|WITH)\b"
)
_ANSWERING = frozenset({"CHECK", "DESCRIBE", "EXISTS", "EXPLAIN", "KILL", "SELECT", "SHOW", "WITH"})
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[A-Za-z0-9_ .]+"|`[A-Za-z0-9_ .]+`)'
# An INSERT whose rows follow, written so plainly that it cannot be read in two ways.
_INSERT = re.compile(
    rf"\s*(?P<head>INSERT\s+INTO\s+(?:TABLE\s+)?{_NAME}(?:\s*\.\s*{_NAME})?\s*"
    rf"(?:\(\s*{_NAME}(?:\.{_NAME})*(?:\s*,\s*{_NAME}(?:\.{_NAME})*)*\s*\)\s*)?)"
    r"(?:FORMAT\s+(?P<format>\w+)[ \t]*(?:\r?\n|$)|(?P<values>VALUES\b))",
    re.IGNORECASE,
)
# The names of an INSERT's columns may be many; all else in its head is short.
_HEAD_BYTES = 64 * 1024
# Besides those of raw SQL: table functions that stay within the data, and what another spanhouse checks raw SQL with,
# which parses texts and runs nothing.
_OPEN = TABLE_FUNCTIONS | {"merge", "view", "parsequerytojson", "formatqueryfromjson", "formatquery"}
_ENGINES = re.compile(r"\w*MergeTree|Atomic|Join|Log|Memory|Null|Set|StripeLog|TinyLog|View|MaterializedView|Buffer")
_ENGINE = re.compile(r"\bENGINE = `?(\w+)")
_CALL = re.compile(r"`?\b([A-Za-z_][A-Za-z0-9_]*)`?\(")
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_QUOTED_NAME = re.compile(r"`(?:[^`\\]|\\.)*`", re.DOTALL)
_WORDS = re.compile(
    r"\b(?:INFILE|OUTFILE|DICTIONARY|NAMED COLLECTION|(?:UN)?FREEZE|FETCH (?:PART|PARTITION)|EXPORT PART\w*|"
    r"TO (?:DISK|VOLUME)|PARALLEL WITH|storage_policy|disk|format_(?:template|schema)\w*|output_format_schema|"
    r"\w*dialect|implicit_\w+|query_cache_tag)\b",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"\nFORMAT (\w+)\s*$")
_ENDS_WITH_ROWS = re.compile(r"\bFORMAT \w+\s*$")
VALUES_SETTINGS = {
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}
"""With these, what is no literal in the format Values is an error."""


class Written(NamedTuple):
    """A statement that may be run."""

    sql: str
    rows: bytes = b""
    rows_format: str = ""
    """What the rows are written in, '' for a statement that brings none."""
    answers: bool = False
    """Whether it has an answer, which is written in a format."""
    streams: bool = False
    """Whether that may be large, and written while it is read; then it names no format itself."""
    output_format: str = ""
    """The one that it named, '' for none."""


class Writes:
    """Reads statements; `callable_names` is everything that the engine can call, in lower case."""

    def __init__(self, parser: Parser, callable_names: Iterable[str]) -> None:
        self._parser = parser
        self._closed = frozenset(name for name in callable_names if not _is_open(name))
        self._format_sql = statement_text("format_statement.sql")

    async def written(self, query: str, body: bytes) -> Written:
        """The statement in `query` and `body`: rows, or all or the end of the statement.

        Raises Refused, InvalidQuestion, Overloaded.
        """
        if (insert := _INSERT.match(query)) and not query[insert.end() :].strip() and not insert["values"]:
            return Written(insert["head"], body, insert["format"])
        whole = query.encode() + (b"\n" if query.strip() and body else b"") + body
        # The names in the head are ASCII, whatever the rows are.
        if insert := _INSERT.match(whole[:_HEAD_BYTES].decode("latin-1")):
            return Written(insert["head"], whole[insert.end() :], insert["format"] or "Values")
        return await self._checked(joined(query, body))

    async def _checked(self, statement: str) -> Written:
        try:
            (text,) = await self._parser.parse(self._format_sql, {"statement": statement})
        except StatementFailed as failed:
            raise InvalidQuestion("query", str(failed).partition(": In scope SELECT formatQuery")[0]) from failed
        first = text.lstrip("( \n").partition(" ")[0].partition("\n")[0].upper()
        if not _BEGINNINGS.match(text.lstrip()):
            raise Refused(Code.ACCESS_DENIED, f"{first[:50]} is not open here, not to administrators either")
        if first == "INSERT" and _ENDS_WITH_ROWS.search(text):
            raise Refused(Code.ACCESS_DENIED, "INSERT with rows: write it as INSERT INTO table (columns) FORMAT name")
        self._require_within_data(text)
        if first in ("SELECT", "WITH"):
            named = _FORMAT.search(text)
            return Written(
                text[: named.start()] if named else text,
                output_format=named[1] if named else "",
                answers=True,
                streams=True,
            )
        return Written(text, answers=first in _ANSWERING)

    def _require_within_data(self, text: str) -> None:
        bare = _TEXT.sub("''", text)
        for name in _CALL.findall(bare):
            if name.lower() in self._closed:
                raise Refused(Code.ACCESS_DENIED, f"{name}() reaches beyond the data, or is not known not to")
        for engine in _ENGINE.findall(bare):
            if not _ENGINES.fullmatch(engine):
                raise Refused(Code.ACCESS_DENIED, f"a table of the engine {engine} would keep its data elsewhere")
        if word := _WORDS.search(_QUOTED_NAME.sub("``", bare)):
            raise Refused(Code.ACCESS_DENIED, f"{word[0]} reaches beyond the data, which nobody may from here")


def _is_open(name: str) -> bool:
    if name in _OPEN:
        return True
    try:
        check_function(name)
    except NameRefused:
        return False
    return True
