"""Handles of their own for questions: bounded in time, memory and cores, and stopped when nobody waits any more.

Nothing else is read through them, so a server whose questions are slow still knows whether it is ready; and they may
take no more than half of the cores, so that spans go on being stored while dashboards ask.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from spanhouse_backend.errors import MalformedData, QuestionTooLarge, QuestionTooSlow, StoreUnavailable
from spanhouse_backend.store.place import Connect
from spanhouse_backend.store.runs import Runs
from spanhouse_backend.store.store import Rows
from spanhouse_backend.store.translate import bare_message, error_code, translate
from spanhouse_backend.watcher import Watcher

STATEMENTS_AT_ONCE = 2
"""A second one keeps a slow question from holding up all others; a third would only slow both down."""
_TIMEOUT_EXCEEDED, _MEMORY_LIMIT_EXCEEDED = 159, 241


class QueryLimits(NamedTuple):
    """What one statement of a question may take."""

    seconds: int
    memory_bytes: int
    threads: int


class Queries:
    """Answers the statements that questions are made of."""

    def __init__(self, connect: Connect, limits: QueryLimits, watcher: Watcher) -> None:
        bounds = {"max_memory_usage": limits.memory_bytes, "max_threads": limits.threads}
        # Whoever asks stops waiting, and so stops the statement, before this: it is for a statement that slips away.
        reading = bounds | {"max_execution_time": limits.seconds + 1, "readonly": 1}
        self._limits = limits
        self._watcher = watcher
        self._readers = Runs(connect, reading, "question", STATEMENTS_AT_ONCE)
        self._writer = Runs(connect, bounds, "answer")
        self._changer = Runs(connect, bounds | {"lightweight_deletes_sync": 2}, "change")

    @classmethod
    async def open(cls, connect: Connect, limits: QueryLimits, watcher: Watcher | None = None) -> Self:
        """Connects to an engine that is open already (`Store.connect`). Raises StoreUnavailable."""
        try:
            return await asyncio.to_thread(cls, connect, limits, watcher or Watcher())
        except ClickHouseError as error:
            raise StoreUnavailable(f"opening the handles for questions: {bare_message(error)}") from error

    async def fetch(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        """Runs one SELECT whose `{name:Type}` placeholders are bound by the engine. Cancelled, it stops it.

        Raises QuestionTooSlow or QuestionTooLarge at a limit, StoreUnavailable when the engine cannot.
        """
        try:
            result = await self._readers.run(lambda client: client.query(sql, parameters=dict(parameters)))
        except ClickHouseError as error:
            raise self._failure(error) from error
        return Rows(tuple(result.column_names), [tuple(row) for row in result.result_rows])

    async def change(self, sql: str, parameters: Mapping[str, Any]) -> None:
        """Runs one DELETE, and waits until it has effect everywhere; to its end, even when who awaits it is cancelled.

        Raises as `fetch` does.
        """
        try:
            await asyncio.shield(self._changer.run(lambda client: client.command(sql, parameters=dict(parameters))))
        except ClickHouseError as error:
            raise self._failure(error) from error

    async def written(self, create_sql: str, rows: bytes, output_format: str) -> bytes:
        """Rows, one JSON object a line, in one of ClickHouse's formats. Raises as `fetch` does.

        `create_sql` makes the temporary table `answer`, which they are put into and read from.
        """

        def write(client: Client) -> bytes:
            client.command(create_sql)
            client.raw_insert("answer", insert_block=rows, fmt="JSONEachRow")
            written = client.raw_query("SELECT * FROM answer", fmt=output_format)
            client.command("DROP TABLE answer")
            return bytes(written)

        try:
            return await self._writer.run(write)
        except ClickHouseError as error:
            raise self._failure(error) from error

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handles. The engine must still be open."""
        for runs in (self._readers, self._writer, self._changer):
            await asyncio.to_thread(runs.close)

    def _failure(self, error: ClickHouseError) -> Exception:
        self._watcher.engine_failed(error_code(error))
        code = error.code if isinstance(error, DatabaseError) else None
        if code == _TIMEOUT_EXCEEDED:
            return QuestionTooSlow(self._limits.seconds)
        if code == _MEMORY_LIMIT_EXCEEDED:
            return QuestionTooLarge(self._limits.memory_bytes)
        failure = translate(error, "answering a query")
        # A question's parameters are checked before they get here: what fails now is not the asker's data.
        return StoreUnavailable(str(failure)) if isinstance(failure, MalformedData) else failure
