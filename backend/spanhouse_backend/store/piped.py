"""Statements whose answers are read while they are made, of any size, in memory that does not depend on it.

The engine writes an answer into a pipe (`INTO OUTFILE '/dev/fd/N'`), whole with what its format begins and ends with,
compressed if that was asked for, and stops while the pipe is full: who reads slowly slows the statement down. Each
statement has a connection of its own, so no setting and no half an answer of one is there for the next, unless it
belongs to a session; making one costs less than a millisecond.
"""

import asyncio
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import chdb

from spanhouse_backend.errors import Overloaded, StatementFailed, StoreUnavailable
from spanhouse_backend.store.sessions import Sessions
from spanhouse_backend.store.turns import Turns

# As much as Linux gives to anybody. What fits in keeps no statement waiting for its reader.
_PIPE_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18
_ROWS_BYTES = 1 << 20
_KILL_AGAIN_SECONDS = 0.05
# A label that the engine shows beside a running statement, and has no other use for while its query cache is off.
_MARK = "query_cache_tag"
_KILL_SQL = f"KILL QUERY WHERE Settings['{_MARK}'] = {{mark:String}} ASYNC"
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_SETTING = re.compile(r"[a-z][a-z0-9_]*")


class Order(NamedTuple):
    """One statement and how it is to be run."""

    sql: str
    """Without FORMAT when one of the formats below is given."""
    parameters: Mapping[str, str] = {}
    """Values of its `{name:Type}` placeholders, escaped as in TabSeparated."""
    settings: Mapping[str, str] = {}
    """In this order: `readonly` locks those before it."""
    database: str = ""
    output_format: str = ""
    """What the answer is written in; '' for a statement that has none, or whose answer is to be had in one piece."""
    default_format: str = "TabSeparated"
    """Of an answer in one piece whose statement names no format."""
    rows: bytes = b""
    """What an INSERT inserts. They are never read as SQL, as what stands behind a statement would be."""
    rows_format: str = ""
    """What the rows are written in; '' for a statement that brings none."""
    session: str = ""
    """The session that it belongs to, '' for none."""
    session_seconds: float = 60
    compression: str = ""
    """Of the answer: gzip, zstd, lz4, '' for none."""


class Summary(NamedTuple):
    """What a statement came to."""

    result_rows: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0


class Piped:
    """An answer under way."""

    def __init__(self, reader: asyncio.StreamReader, outcome: "asyncio.Future[tuple[Summary, bytes]]") -> None:
        self._reader = reader
        self._outcome = outcome

    async def read(self) -> bytes:
        """The next piece, b'' at the end. Raises StatementFailed when the statement ends otherwise."""
        if piece := await self._reader.read(_PIECE_BYTES):
            return piece
        await self._outcome
        return b""

    async def finished(self) -> tuple[Summary, bytes]:
        """How it ended, and its answer if its order named no format. Raises StatementFailed."""
        return await self._outcome


class Pipes:
    """Runs orders, a few at once.

    A turn is taken before a thread is asked for and given back when that thread is done with it, so there is always a
    free thread for whoever has a turn, and a statement that takes its time to die keeps its turn as long. `_running` is
    held to look at or change what runs, and by a killer during one KILL QUERY, which waits for nobody: nobody can wait
    for ever, and nothing is killed but what has the mark of the one order.
    """

    def __init__(self, path: str, at_once: int, waiting: int, wait_seconds: float) -> None:
        self._path = path
        self._turns = Turns(at_once, waiting)
        self._wait_seconds = wait_seconds
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="spanhouse-piped")
        self._kill_threads = ThreadPoolExecutor(at_once, thread_name_prefix="spanhouse-piped-kill")
        self._sessions = Sessions(path)
        self._killer = chdb.connect(path)  # type: ignore[no-untyped-call]
        self._running = threading.Lock()
        self._marks: set[str] = set()

    @classmethod
    async def open(cls, engine_folder: Path, at_once: int, waiting: int, wait_seconds: float) -> Self:
        """Connects to the embedded engine, which is open there already. Raises StoreUnavailable."""
        try:
            return await asyncio.to_thread(cls, str(engine_folder), at_once, waiting, wait_seconds)
        except RuntimeError as error:
            raise StoreUnavailable(f"opening a connection: {error}") from error

    @asynccontextmanager
    async def run(self, order: Order, sender: str) -> AsyncIterator[Piped]:
        """The answer to `order`, when it is this sender's turn; left before its end, the statement is stopped.

        Raises Overloaded when too many wait, or this one too long, StoreUnavailable while closing.
        """
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._turns.take(sender)
        except TimeoutError as error:
            raise Overloaded(f"it was no turn for {self._wait_seconds:g} s: try again later") from error
        mark = f"spanhouse-piped-{secrets.token_hex(8)}"
        reader, transport, sink = await self._pipe()
        try:
            outcome = asyncio.wrap_future(self._begun(order, mark, sink))
        except StoreUnavailable:
            transport.close()
            raise
        try:
            yield Piped(reader, outcome)
        finally:
            # A statement that still writes finds nobody there.
            transport.close()
            if outcome.done():
                outcome.cancelled() or outcome.exception()  # asked for, so that asyncio does not report it
            else:
                outcome.cancel()
                with suppress(RuntimeError):  # closing, which stops it too
                    self._kill_threads.submit(self._kill, mark)

    async def _pipe(self) -> tuple[asyncio.StreamReader, asyncio.ReadTransport, int]:
        """A pipe's reader, what closes it, and where to write; the turn is given back when there is none."""
        reader = asyncio.StreamReader(limit=_PIECE_BYTES)
        try:
            source, sink = os.pipe()
        except OSError as error:
            self._turns.give_back()
            raise StoreUnavailable(f"making a pipe: {error.strerror}") from error
        with suppress(OSError):  # fewer bytes do too
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        file = os.fdopen(source, "rb", buffering=0)
        try:
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        except BaseException:
            self._turns.give_back()
            file.close()
            os.close(sink)
            raise
        return reader, transport, sink

    def _begun(self, order: Order, mark: str, sink: int) -> "Future[tuple[Summary, bytes]]":
        """The order, on its way; when it is over, however it ends, its turn is given back and its pipe closed."""
        loop = asyncio.get_running_loop()

        def over(_: object) -> None:
            os.close(sink)
            with self._running:
                self._marks.discard(mark)
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(self._turns.give_back)

        # Known before it begins, so that whoever wants it stopped goes on until it is over.
        with self._running:
            self._marks.add(mark)
        try:
            future = self._threads.submit(self._connected, order, mark, sink)
        except RuntimeError as error:
            over(None)
            raise StoreUnavailable("the server is stopping") from error
        future.add_done_callback(over)
        return future

    async def close(self) -> None:
        """Stops what runs, closes the connections. The engine must still be open."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._running:
            marks = list(self._marks)
        for mark in marks:
            self._kill(mark)
        self._threads.shutdown()
        self._kill_threads.shutdown()
        self._sessions.close()
        self._killer.close()

    def _connected(self, order: Order, mark: str, sink: int) -> tuple[Summary, bytes]:
        """Runs an order on a connection of its own, or on its session's, which does not outlive what fails."""
        session = order.session
        try:
            connection: Any = self._sessions.take(session) if session else chdb.connect(self._path)  # type: ignore[no-untyped-call]
            try:
                outcome = _run(connection, order, mark, sink)
                if session:
                    for name in (_MARK, *order.settings):
                        connection.query(f"SET {_setting(name)} = DEFAULT", "Null")
            except BaseException:
                connection.close()
                self._sessions.drop(session)
                raise
        except RuntimeError as error:
            raise _failure(str(error)) from error
        if session:
            self._sessions.give_back(session, connection, order.session_seconds)
        else:
            connection.close()
        return outcome

    def _kill(self, mark: str) -> None:
        """Kills until it is over: a statement that has only just begun is not known to the engine yet."""
        while True:
            with self._running:
                if mark not in self._marks:
                    return
                with suppress(RuntimeError):
                    self._killer.query(_KILL_SQL, "Null", params={"mark": mark})
            time.sleep(_KILL_AGAIN_SECONDS)


def _run(connection: Any, order: Order, mark: str, sink: int) -> tuple[Summary, bytes]:
    connection.query("USE {database:Identifier}", "Null", params={"database": order.database or "default"})
    for name, value in {_MARK: mark, **order.settings}.items():
        connection.query(f"SET {_setting(name)} = {{value:String}}", "Null", params={"value": _escaped(value)})
    if order.rows_format:
        return _insert(connection, order), b""
    sql = order.sql
    if order.output_format:
        compression = f" COMPRESSION '{order.compression}'" if order.compression else ""
        # The file is there, so the engine has to be told what to do with what is in it: of a pipe, nothing.
        sql = f"{sql}\nINTO OUTFILE '/dev/fd/{sink}' TRUNCATE{compression}\nFORMAT {order.output_format}"
    result = connection.query(sql, order.default_format, params=dict(order.parameters))
    summary = Summary(
        result.rows_read(),  # of the answer
        result.storage_rows_read(),
        result.storage_bytes_read(),
        result.rows_written(),
        result.bytes_written(),
        int(result.elapsed() * 1e9),
    )
    return summary, result.bytes() or b""


def _insert(connection: Any, order: Order) -> Summary:
    with connection.send_insert(order.sql, order.rows_format) as inserter:
        for start in range(0, len(order.rows), _ROWS_BYTES):
            inserter.append(order.rows[start : start + _ROWS_BYTES])
        done = inserter.finish()
    return Summary(written_rows=done.rows_written, written_bytes=done.bytes_written, elapsed_ns=int(done.elapsed * 1e9))


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n"})


def _escaped(value: str) -> str:
    """As the engine takes the values of parameters: TabSeparated's escapes."""
    return value.translate(_ESCAPES)


def _setting(name: str) -> str:
    if not _SETTING.fullmatch(name):
        raise StatementFailed(f"{name[:100]!r} is not the name of a setting", 115)
    return name


def _failure(message: str) -> StatementFailed:
    """The engine's error, without what it repeats at each layer."""
    codes = _CODE.findall(message)
    return StatementFailed(_CODE.split(message)[-1].strip(), int(codes[-1]) if codes else None)
