"""Handles that statements run on, a few at once, and a way to stop a statement that nobody waits for any more.

The engine stops a statement when another handle says so, and by nothing else in time: whoever awaits `run` and is
cancelled, because a client went away or a deadline passed, has its statement stopped too.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.store.place import Connect
from spanhouse_backend.store.translate import bare_message

_KILL_AGAIN_SECONDS = 0.05
_KILL_SQL = "KILL QUERY WHERE Settings['log_comment'] = {mark:String} ASYNC"
Answer = TypeVar("Answer")


class _Run:
    """One call of `run`, told from others by identity; `mark` is its handle's while it runs."""

    mark = ""
    stopped = False


class _Handle:
    """A connection and its mark, which the engine knows its one statement by among all others."""

    def __init__(self, connect: Connect, settings: Mapping[str, Any], mark: str) -> None:
        self.mark = mark
        self._connect = connect
        self._settings = settings
        self._client: Client | None = self._open()

    def call(self, statement: Callable[[Client], Answer]) -> Answer:
        """Makes one call, and gives the connection up when it fails. Raises ClickHouseError, StoreUnavailable.

        The embedded engine keeps what a failed statement had put out already, and gives it to the connection's next
        statement as the beginning of its answer; a new connection knows nothing of it.
        """
        if self._client is None:
            try:
                self._client = self._open()
            except ClickHouseError as error:
                raise StoreUnavailable(f"opening a handle: {bare_message(error)}") from error
        try:
            return statement(self._client)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _open(self) -> Client:
        client = self._connect(session=True)
        # `readonly` locks the others, so a caller names it last.
        for name, value in (*{"log_comment": self.mark}.items(), *self._settings.items()):
            client.set_client_setting(name, value)
        return client


class Runs:
    """Runs calls on `count` handles with `settings`, as many at once, in the order in which they came.

    `_running` is held only to look at or change what runs, and by a killer during one KILL QUERY, which does not wait
    for the statement: nobody waits for another of its users while holding it, so it cannot deadlock, and a KILL never
    hits the statement after the one that it was meant for. There are as many handles as threads, and each is put back
    by who took it, so none leaks and none is missing.
    """

    def __init__(self, connect: Connect, settings: Mapping[str, Any], name: str, count: int = 1) -> None:
        """Connects to an open engine (`Store.connect`); blocks for a moment. Raises ClickHouseError."""
        # A server may have other processes' statements, too.
        process = uuid.uuid4().hex
        self._idle = [_Handle(connect, settings, f"spanhouse-{name}-{number}-{process}") for number in range(count)]
        self._killer = connect()
        self._running = threading.Lock()
        self._runs: set[_Run] = set()
        self._closing = False
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=f"spanhouse-{name}")
        self._kill_threads = ThreadPoolExecutor(count, thread_name_prefix=f"spanhouse-{name}-kill")

    async def run(self, call: Callable[[Client], Answer], done: Callable[[], None] = lambda: None) -> Answer:
        """What `call` returns, given a connection, on a thread; `done` is called when it is over, however it ends.

        Raises what it raises, StoreUnavailable while closing. Cancelled, it stops the statement, running or not.
        """
        run = _Run()
        try:
            future: Future[Answer] = self._threads.submit(self._run, run, call)
        except RuntimeError as error:
            done()
            raise StoreUnavailable("the server is stopping") from error
        future.add_done_callback(lambda _: done())
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # One that has not begun never will: wrap_future has cancelled its future. This is for one that runs.
            if not future.cancelled():
                with suppress(RuntimeError):  # closing, which stops it too
                    self._kill_threads.submit(self._kill, run)
            raise

    def close(self) -> None:
        """Stops what runs, drops what waits, closes the handles; blocks. The engine must still be open."""
        with self._running:
            self._closing = True
            running = list(self._runs)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for run in running:
            self._kill(run)
        for threads in (self._threads, self._kill_threads):
            threads.shutdown(cancel_futures=True)
        for handle in self._idle:
            handle.close()
        self._killer.close()

    def _run(self, run: _Run, call: Callable[[Client], Answer]) -> Answer:
        handle = self._idle.pop()  # as many threads as handles: never empty; list.pop and append are atomic
        try:
            with self._running:
                if run.stopped or self._closing:
                    raise StoreUnavailable("the statement was stopped before it began")
                run.mark = handle.mark
                self._runs.add(run)
            try:
                return handle.call(call)
            finally:
                with self._running:
                    self._runs.discard(run)
        finally:
            self._idle.append(handle)

    def _kill(self, run: _Run) -> None:
        """Kills until it is over: a statement that has only just begun is not known to the engine yet."""
        while True:
            with self._running:
                run.stopped = True
                if run not in self._runs:
                    return
                with suppress(ClickHouseError):
                    self._killer.command(_KILL_SQL, parameters={"mark": run.mark})
            time.sleep(_KILL_AGAIN_SECONDS)
