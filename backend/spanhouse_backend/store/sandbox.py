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


class _Bounded:
    """Runs calls on one handle, a number of which may run or wait at once.

    A place is taken before work is handed over and given back when it ends, however it ends, so none leaks; nobody
    waits for a place.
    """

    def __init__(self, connect: Connect, settings: Mapping[str, Any], name: str, waiting: int) -> None:
        self._runs = Runs(connect, settings, name)
        self._waiting = waiting
        self._places = threading.BoundedSemaphore(waiting)

    async def run(self, call: Callable[[Client], Answer]) -> Answer:
        """What `call` returns. Raises StatementFailed, Overloaded, StoreUnavailable."""
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"{self._waiting} SQL statements run or wait already: try again later")
        try:
            return await self._runs.run(call, self._places.release)
        except ClickHouseError as error:
            code = error.code if isinstance(error, DatabaseError) else None
            raise StatementFailed(bare_message(error), code) from error

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handle. The engine must still be open."""
        await asyncio.to_thread(self._runs.close)


class Parser:
    """Has the engine parse statements, on a handle of its own, so that a refusal never waits for an answer."""

    def __init__(self, connect: Connect, limits: Limits, waiting: int) -> None:
        self._bounded = _Bounded(connect, _bounds(limits) | _READONLY, "sql-parse", waiting)

    @classmethod
    async def open(cls, connect: Connect, limits: Limits, waiting: int = MAX_WAITING) -> Self:
        """Connects to an engine that is open already (`Store.connect`). Raises StoreUnavailable."""
        return await _opened(cls, connect, limits, waiting)

    async def parse(self, sql: str, parameters: Mapping[str, str]) -> tuple[str, ...]:
        """The one row of `sql`, which is the caller's own and takes texts of others as parameters only.

        Raises StatementFailed with what the engine has to say of them, Overloaded when too many wait.
        """
        (row,) = await self._bounded.run(lambda client: client.query(sql, parameters=dict(parameters)).result_rows)
        return tuple(row)

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handle. The engine must still be open."""
        await self._bounded.close()


class Sandbox:
    """Runs one statement at a time, and has a parser."""

    def __init__(self, connect: Connect, limits: Limits, settings: Mapping[str, str]) -> None:
        runs: dict[str, Any] = {
            **settings,
            "max_result_rows": limits.rows,
            "max_result_bytes": limits.result_bytes,
            # An answer that was cut would look like one that was not.
            "result_overflow_mode": "throw",
            "max_threads": limits.threads,
        }
        self.parser = Parser(connect, limits, MAX_WAITING)
        self._runner = _Bounded(connect, _bounds(limits) | runs | _READONLY, "sql", MAX_WAITING)

    @classmethod
    async def open(cls, connect: Connect, limits: Limits, settings: Mapping[str, str]) -> Self:
        """Connects to an engine that is open already (`Store.connect`). Raises StoreUnavailable.

        `settings` hold for every statement, which cannot change them.
        """
        return await _opened(cls, connect, limits, settings)

    async def run(self, sql: str, parameters: Mapping[str, str], output_format: str) -> bytes:
        """The answer to `sql`, whose `{name:Type}` placeholders the engine binds, in one of ClickHouse's formats.

        Raises StatementFailed when the engine refuses it or a limit stops it, Overloaded when too many wait. When the
        awaiting task is cancelled, so is the statement, running or not.
        """
        return await self._runner.run(
            lambda client: client.raw_query(sql, parameters=dict(parameters), fmt=output_format)
        )

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handles. The engine must still be open."""
        await self._runner.close()
        await self.parser.close()


# Last among a handle's settings: it locks the others.
_READONLY = {"readonly": 1}


def _bounds(limits: Limits) -> dict[str, Any]:
    return {**_PARSER, "max_execution_time": limits.seconds, "max_memory_usage": limits.memory_bytes}


async def _opened(make: Callable[..., Answer], *arguments: Any) -> Answer:
    try:
        return await asyncio.to_thread(make, *arguments)
    except ClickHouseError as error:
        raise StoreUnavailable(f"opening the handles for SQL: {bare_message(error)}") from error
