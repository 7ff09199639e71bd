"""Raw SQL, from what somebody wrote to the bytes of an answer: parsed by the engine, checked, rewritten, run.

`sql_guard` says what may be run and why that is tight, `store.sandbox` bounds what it may take. The answer's bytes
are the engine's own, in the format that was asked for or that the statement names, and are passed through untouched.
"""

from collections.abc import Mapping
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.sql_checker import SqlChecker
from spanhouse_backend.query.sql_settings import FILTERS, filters_literal, own_only
from spanhouse_backend.store.sandbox import Sandbox

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


class SqlAnswer(NamedTuple):
    """The engine's bytes and what they are."""

    body: bytes
    output_format: str
    """One of MEDIA_TYPES."""


class SqlReader:
    """Answers statements that users write about the tables of `database`, in a sandbox (`sandbox_settings`)."""

    def __init__(self, sandbox: Sandbox, database: str) -> None:
        self._sandbox = sandbox
        self._checker = SqlChecker(sandbox.parser, database)

    async def run(self, statement: str, parameters: Mapping[str, str], output_format: str) -> SqlAnswer:
        """The answer to one statement in a format of MEDIA_TYPES, unless the statement names another with FORMAT.

        `parameters` are the values of its `{name:Type}` placeholders, as text. Raises InvalidQuestion when it may not
        be run, StatementFailed when the engine finds it wrong or stops it at a limit, Overloaded when too many wait.
        """
        checked = await self._checker.checked(statement, parameters)
        chosen = known_format("query", checked.output_format) if checked.output_format else output_format
        return SqlAnswer(await self._sandbox.run(checked.text, checked.parameters, chosen), chosen)


def sandbox_settings(database: str) -> dict[str, str]:
    """What a sandbox for statements about the tables of `database` is opened with: it says nothing of others."""
    return {FILTERS: filters_literal(own_only(database))}


def known_format(parameter: str, name: str) -> str:
    """ClickHouse's name of a format, whatever its case. Raises InvalidQuestion naming `parameter`."""
    if name.lower() not in _EXACT_NAMES:
        raise InvalidQuestion(parameter, f"{name[:100]!r} is not a format: choose one of {', '.join(MEDIA_TYPES)}")
    return _EXACT_NAMES[name.lower()]
