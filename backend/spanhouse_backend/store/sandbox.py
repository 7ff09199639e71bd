"""Handles of their own for statements that users write: read-only, bounded, and stopped when nobody waits any more.

What is run here may take no more than `Limits` says of seconds, rows, bytes, memory and cores, whatever it is; the
engine enforces that, and the handle is read-only, which locks the limits too. Nothing here decides which statements
may be run: readonly alone lets too much through, so whoever calls this has read the statement first.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from spanhouse_backend.errors import Overloaded, StatementFailed, StoreUnavailable
from spanhouse_backend.store.place import Connect
from spanhouse_backend.store.runs import Runs
from spanhouse_backend.store.translate import bare_message

MAX_WAITING = 16
"""Statements that may run or wait at once; more are refused."""
Answer = TypeVar("Answer")
# Deep and branching enough for what people write; hostile text of 64 KiB is parsed or refused in a third of a second.
_PARSER = {"max_parser_depth": 300, "max_ast_depth": 300, "max_parser_backtracks": 100_000, "max_query_size": 1 << 20}


class Limits(NamedTuple):
    """What one statement may take before it is stopped with an error that says so."""

    seconds: int
    rows: int
    """Of the result."""
    result_bytes: int
    memory_bytes: int
    threads: int


class Sandbox:
    """Runs one statement at a time on one handle, and parses on another, so that a refusal never waits for an answer.

    A place in the queue is taken before work is handed over and given back when it ends, however it ends, so none
    leaks; nobody waits for a place.
    """

    def __init__(self, connect: Connect, limits: Limits) -> None:
        bounds: dict[str, Any] = {
            **_PARSER,
            "max_execution_time": limits.seconds,
            "max_memory_usage": limits.memory_bytes,
        }
        runs: dict[str, Any] = {
            "max_result_rows": limits.rows,
            "max_result_bytes": limits.result_bytes,
            # An answer that was cut would look like one that was not.
            "result_overflow_mode": "throw",
            "max_threads": limits.threads,
        }
        last = {"readonly": 1}
        self._runner = Runs(connect, bounds | runs | last, "sql")
        self._parser = Runs(connect, bounds | last, "sql-parse")
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    @classmethod
    async def open(cls, connect: Connect, limits: Limits) -> Self:
        """Connects to an engine that is open already (`Store.connect`). Raises StoreUnavailable."""
        try:
            return await asyncio.to_thread(cls, connect, limits)
        except ClickHouseError as error:
            raise StoreUnavailable(f"opening the handles for SQL: {bare_message(error)}") from error

    async def run(self, sql: str, parameters: Mapping[str, str], output_format: str) -> bytes:
        """The answer to `sql`, whose `{name:Type}` placeholders the engine binds, in one of ClickHouse's formats.

        Raises StatementFailed when the engine refuses it or a limit stops it, Overloaded when too many wait. When the
        awaiting task is cancelled, so is the statement, running or not.
        """
        return await self._on(
            self._runner, lambda client: client.raw_query(sql, parameters=dict(parameters), fmt=output_format)
        )

    async def parse(self, sql: str, parameters: Mapping[str, str]) -> tuple[str, ...]:
        """The one row of `sql`, which is the caller's own and takes texts of others as parameters only.

        Raises StatementFailed with what the engine has to say of them, Overloaded when too many wait.
        """
        (row,) = await self._on(self._parser, lambda client: client.query(sql, parameters=dict(parameters)).result_rows)
        return tuple(row)

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handles. The engine must still be open."""
        for runs in (self._runner, self._parser):
            await asyncio.to_thread(runs.close)

    async def _on(self, runs: Runs, call: Callable[[Client], Answer]) -> Answer:
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"{MAX_WAITING} SQL statements run or wait already: try again later")
        try:
            return await runs.run(call, self._places.release)
        except ClickHouseError as error:
            code = error.code if isinstance(error, DatabaseError) else None
            raise StatementFailed(bare_message(error), code) from error
