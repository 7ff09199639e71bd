"""ClickHouse, opened: bytes go in by `insert_traces`, rows come out by `fetch`.

The engine's calls block, so they run on threads of the store's own: one thread and one handle that insert, a
few of each that read, since a handle serves one call at a time while handles run in parallel and release the
GIL. Nothing here knows what a span or a percentile is.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import clickhouse_connect
from chdb import _chdb
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import MalformedData, StoreUnavailable, StoreUnusable
from spanhouse_backend.store.directory import DirectoryLock
from spanhouse_backend.store.schema import landing_schema, statements
from spanhouse_backend.store.translate import translate

READERS = 2
ENGINE_FOLDER = "engine"


class Rows(NamedTuple):
    """A query's answer: column names, and one tuple a row in that order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Store:
    """An open ClickHouse and the right to use its data directory.

    Each executor's threads touch only their own handle, and a handle takes no lock of ours, so nothing here can
    deadlock; `close` waits for what is running, so no insert is cut off half-way.
    """

    def __init__(self, lock: DirectoryLock, inserter: Client, readers: list[Client]) -> None:
        self._lock = lock
        self._inserter = inserter
        self._idle_readers = readers
        self._insert_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-insert")
        self._read_threads = ThreadPoolExecutor(len(readers), thread_name_prefix="spanhouse-read")
        self._resources = ExitStack()
        self._insert_settings = {
            # By path, because the embedded engine leaves a copy of a schema that is given as text in the folder
            # the process was started in.
            "format_schema": f"{self._resources.enter_context(landing_schema())}:ResourceSpans",
            # Attribute values that are arrays are for people to read and search: "/usr/bin", not "\\/usr\\/bin".
            "output_format_json_escape_forward_slashes": 0,
            # A request may hold spans of any number of days; the default stops at 100.
            "max_partitions_per_insert_block": 0,
        }

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Opens or makes the embedded store in `directory`, with its whole schema. Blocks for about a second.

        Raises StoreHeld when another process has it, StoreUnusable when it cannot be opened.
        """
        lock = DirectoryLock.acquire(directory)
        try:
            # The engine would otherwise take over the process's SIGTERM and its kin.
            _chdb.set_signal_handlers_enabled(0)  # type: ignore[attr-defined]  # absent from the stub
            dsn = f"chdb://{(directory / ENGINE_FOLDER).absolute()}"
            clients = [clickhouse_connect.get_client(dsn=dsn) for _ in range(1 + READERS)]
            _create_schema(clients[0])
        except ClickHouseError as error:
            lock.release()
            raise StoreUnusable(f"cannot open the data directory {directory}: {error}") from error
        return cls(lock, clients[0], clients[1:])

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells whoever tries to open the same directory where to ask instead."""
        self._lock.publish(addresses)

    async def insert_traces(self, body: bytes) -> None:
        """Stores one ProtobufList body (see ingest.framing.join): all of it or nothing, in every table.

        Raises MalformedData when it does not decode, StoreUnavailable when the engine refuses.
        """
        await asyncio.get_running_loop().run_in_executor(self._insert_thread, self._insert, body)

    async def fetch(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        """Runs one SELECT whose `{name:Type}` placeholders are bound by the engine. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._fetch, sql, dict(parameters))

    async def close(self) -> None:
        """Waits for running calls, closes the engine, gives up the directory."""
        await asyncio.to_thread(self._close)

    def _insert(self, body: bytes) -> None:
        try:
            self._inserter.raw_insert(
                "otlp_traces_landing", insert_block=body, fmt="ProtobufList", settings=self._insert_settings
            )
        except ClickHouseError as error:
            raise translate(error, "storing spans") from error

    def _fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        # As many threads as handles: pop never finds the list empty, and list.pop/append are atomic.
        client = self._idle_readers.pop()
        try:
            result = client.query(sql, parameters=parameters)
        except ClickHouseError as error:
            failure = translate(error, "answering a query")
            # A query's parameters are checked before they get here: what fails now is not the asker's data.
            raise StoreUnavailable(str(failure)) if isinstance(failure, MalformedData) else failure from error
        finally:
            self._idle_readers.append(client)
        return Rows(tuple(result.column_names), [tuple(row) for row in result.result_rows])

    def _close(self) -> None:
        self._insert_thread.shutdown()
        self._read_threads.shutdown()
        for client in (self._inserter, *self._idle_readers):
            client.close()
        self._resources.close()
        self._lock.release()


def _create_schema(client: Client) -> None:
    for statement in statements():
        try:
            client.command(statement.sql)
        except ClickHouseError as error:
            raise StoreUnusable(f"failed to create {statement.makes}: {error}") from error
