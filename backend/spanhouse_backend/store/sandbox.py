"""A handle of its own for statements that users write: read-only, bounded, and stopped when nobody waits any more.

What is run here may take no more than `Limits` says of seconds, rows, bytes, memory and cores, whatever it is; the
engine enforces that, and the handle is read-only, which locks the limits too. Nothing here decides which statements
may be run: readonly alone lets too much through, so whoever calls this has read the statement first.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypeVar

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from spanhouse_backend.errors import Overloaded, StatementFailed, StoreUnavailable
from spanhouse_backend.store.translate import bare_message

MAX_WAITING = 16
"""Statements that may run or wait at once; more are refused."""
_KILL_AGAIN_SECONDS = 0.05
Answer = TypeVar("Answer")
# By this the engine knows a sandbox's statement among those of the process.
_MARK = "spanhouse-sandbox"
_KILL_SQL = "KILL QUERY WHERE Settings['log_comment'] = {mark:String} ASYNC"
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


class _Statement:
    """One call of `run`, told from others by identity."""

    stopped = False


class Sandbox:
    """Runs one statement at a time on one thread, and parses on another, so that a refusal never waits for an answer.

    `_running` is held only to look at or change which statement runs, and by the killer during one KILL QUERY, which
    does not wait for the statement: nobody waits for another of its users while holding it, so it cannot deadlock, and
    a KILL never hits the statement after the one that it was meant for. A place in the queue is taken before work is
    handed to a thread and given back when its future ends, however it ends, so none leaks.
    """

    def __init__(self, dsn: str, limits: Limits) -> None:
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
            "log_comment": _MARK,
        }
        self._dsn = dsn
        self._settings = {"runner": bounds | runs, "parser": bounds}
        self._clients = {name: _connect(dsn, settings) for name, settings in self._settings.items()}
        self._killer = clickhouse_connect.get_client(dsn=dsn)
        self._places = threading.BoundedSemaphore(MAX_WAITING)
        self._running = threading.Lock()
        self._current: _Statement | None = None
        self._closing = False
        self._run_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-sql")
        self._parse_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-sql-parse")
        self._kill_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-sql-kill")

    @classmethod
    async def open(cls, dsn: str, limits: Limits) -> Self:
        """Connects to an engine that is open already (`Store.dsn`). Raises StoreUnavailable."""
        try:
            return await asyncio.to_thread(cls, dsn, limits)
        except ClickHouseError as error:
            raise StoreUnavailable(f"opening the handle for SQL: {bare_message(error)}") from error

    async def run(self, sql: str, parameters: Mapping[str, str], output_format: str) -> bytes:
        """The answer to `sql`, whose `{name:Type}` placeholders the engine binds, in one of ClickHouse's formats.

        Raises StatementFailed when the engine refuses it or a limit stops it, Overloaded when too many wait. When the
        awaiting task is cancelled, so is the statement, running or not.
        """
        statement = _Statement()
        future = self._submit(self._run_thread, self._run, statement, sql, dict(parameters), output_format)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # One that has not begun never will: wrap_future has cancelled its future. This is for one that runs.
            if not future.cancelled():
                with suppress(RuntimeError):  # closing, which stops it too
                    self._kill_thread.submit(self._kill, statement)
            raise

    async def parse(self, sql: str, parameters: Mapping[str, str]) -> tuple[str, ...]:
        """The one row of `sql`, which is the caller's own and takes texts of others as parameters only.

        Raises StatementFailed with what the engine has to say of them, Overloaded when too many wait.
        """
        return await asyncio.wrap_future(self._submit(self._parse_thread, self._parse, sql, dict(parameters)))

    def _submit(self, thread: ThreadPoolExecutor, call: Callable[..., Answer], *arguments: Any) -> Future[Answer]:
        if not self._places.acquire(blocking=False):
            raise Overloaded(f"{MAX_WAITING} SQL statements run or wait already: try again later")
        try:
            future = thread.submit(call, *arguments)
        except RuntimeError as error:
            self._places.release()
            raise StoreUnavailable("the server is stopping") from error
        future.add_done_callback(self._give_back)
        return future

    async def close(self) -> None:
        """Stops what runs, drops what waits, closes the handles. The engine must still be open."""
        await asyncio.to_thread(self._close)

    def _give_back(self, _future: Future[Any]) -> None:
        self._places.release()

    def _run(self, statement: _Statement, sql: str, parameters: dict[str, str], output_format: str) -> bytes:
        with self._running:
            if statement.stopped or self._closing:
                raise StatementFailed("the statement was stopped before it began")
            self._current = statement
        try:
            return self._on("runner", lambda client: client.raw_query(sql, parameters=parameters, fmt=output_format))
        finally:
            with self._running:
                self._current = None

    def _parse(self, sql: str, parameters: dict[str, str]) -> tuple[str, ...]:
        (row,) = self._on("parser", lambda client: client.query(sql, parameters=parameters).result_rows)
        return tuple(row)

    def _on(self, name: str, call: Callable[[Client], Answer]) -> Answer:
        """Makes one call on a handle, and gives the handle up when the call fails.

        The embedded engine keeps what a failed statement had put out already, and gives it to the handle's next
        statement as the beginning of its answer; a new handle knows nothing of it.
        """
        client = self._clients.get(name) or self._reconnect(name)
        try:
            return call(client)
        except ClickHouseError as error:
            del self._clients[name]
            client.close()
            code = error.code if isinstance(error, DatabaseError) else None
            raise StatementFailed(bare_message(error), code) from error

    def _reconnect(self, name: str) -> Client:
        try:
            self._clients[name] = _connect(self._dsn, self._settings[name])
        except ClickHouseError as error:
            raise StoreUnavailable(f"opening a handle for SQL: {bare_message(error)}") from error
        return self._clients[name]

    def _kill(self, statement: _Statement) -> None:
        """Kills until it is over: a statement that has only just begun is not known to the engine yet."""
        while True:
            with self._running:
                statement.stopped = True
                if self._current is not statement:
                    return
                with suppress(ClickHouseError):
                    self._killer.command(_KILL_SQL, parameters={"mark": _MARK})
            time.sleep(_KILL_AGAIN_SECONDS)

    def _close(self) -> None:
        with self._running:
            self._closing = True
            current = self._current
        self._run_thread.shutdown(wait=False, cancel_futures=True)
        if current is not None:
            self._kill(current)
        for thread in (self._run_thread, self._parse_thread, self._kill_thread):
            thread.shutdown(cancel_futures=True)
        for client in (*self._clients.values(), self._killer):
            client.close()


def _connect(dsn: str, settings: Mapping[str, Any]) -> Client:
    client = clickhouse_connect.get_client(dsn=dsn)
    for name, value in settings.items():
        client.set_client_setting(name, value)
    client.set_client_setting("readonly", 1)  # last, because it locks all others
    return client
