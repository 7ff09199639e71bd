"""ClickHouse, opened: bytes go in by `insert_traces`, exactly once, and rows come out by `fetch`.

The engine's calls block, so they run on threads of the store's own, a few that insert and one that reads: a
handle serves one call at a time, while handles run in parallel and release the GIL. Nothing here knows what a span
or a percentile is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import clickhouse_connect
from chdb import _chdb
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import MalformedData, StoreError, StoreUnavailable, StoreUnusable
from spanhouse_backend.retention import Retention
from spanhouse_backend.store.directory import DirectoryLock
from spanhouse_backend.store.durability import sync_filesystem
from spanhouse_backend.store.journal import Group, Journal
from spanhouse_backend.store.rejection import NOTHING, Rejection
from spanhouse_backend.store.schema import query_text
from spanhouse_backend.store.space import Space
from spanhouse_backend.store.translate import error_code, translate
from spanhouse_backend.store.upgrade import Upgrade
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

# For what the server asks for itself; questions have handles of their own (store/queries.py).
READERS = 1
# Decoding, half of a large insert, is one thread's work: a second insert uses the other core. A third gains nothing.
INSERTERS = 2
ENGINE_FOLDER, JOURNAL_FOLDER = "engine", "inflight"
T = TypeVar("T")


class Rows(NamedTuple):
    """A query's answer: column names, and one tuple a row in that order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class TableSize(NamedTuple):
    """How much one table holds: its rows, and its bytes on disk."""

    name: str
    rows: int
    size_bytes: int


class Store:
    """An open ClickHouse and the right to use its data directory.

    Each thread of an executor takes one of as many handles and gives it back, and a handle takes no lock of ours, so
    nothing here can deadlock; `close` waits for what is running, so no insert is cut off half-way.
    """

    def __init__(
        self,
        dsn: str,
        lock: DirectoryLock,
        journal: Journal,
        space: Space,
        inserters: list[Client],
        readers: list[Client],
        admin: Client,
        watcher: Watcher,
        *,
        fsync: bool,
    ) -> None:
        self.dsn = dsn  # for further handles, to be closed before the store is
        self._lock = lock
        self._journal = journal
        self._space = space
        self._watcher = watcher
        self._fsync = fsync
        # Tokens of groups whose insert failed half-way, oldest first; threads append, only `recover` takes out.
        self._unsettled = journal.leftovers()
        # Why the last write failed, '' when it succeeded, and how many bytes it was to write.
        self._problem = ""
        self._problem_bytes = 0
        self._remember_sql = query_text("remember_batches.sql")
        self._recent_sql = query_text("recent_batches.sql")
        self._rejected_sql = query_text("rejected_of_batches.sql")
        self._sizes_sql = query_text("table_sizes.sql")
        self._idle_inserters = inserters
        self._idle_readers = readers
        self._admin = admin
        self._insert_threads = ThreadPoolExecutor(len(inserters), thread_name_prefix="spanhouse-insert")
        self._read_threads = ThreadPoolExecutor(len(readers), thread_name_prefix="spanhouse-read")
        # So that what takes long, such as altering a table, keeps neither spans nor answers waiting.
        self._admin_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-admin")
        self._insert_settings: dict[str, str | int] = {
            # Attribute values that are arrays are for people to read and search: "/usr/bin", not "\\/usr\\/bin".
            "output_format_json_escape_forward_slashes": 0,
            # The views hand over rows that are added up already; doing it again took a quarter of a large insert.
            "optimize_on_insert": 0,
            # A request may hold spans of any number of days; the default stops at 100.
            "max_partitions_per_insert_block": 0,
            # Each view's table remembers the insert's token for itself, so that a repeated insert adds what is missing.
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        }

    @classmethod
    def open(
        cls,
        directory: Path,
        min_free_bytes: int = 0,
        watcher: Watcher | None = None,
        *,
        retention: Retention | None = None,
        fsync: bool = False,
    ) -> Self:
        """Opens or makes the embedded store in `directory`, and brings its schema up to date. Blocks for a second.

        Nothing is written while the directory's disk has less than `min_free_bytes` free. `retention` comes to hold in
        place of what is in force; with `fsync` a group that is acknowledged is on the disk itself.
        Raises StoreHeld when another process has it, StoreUnusable when it cannot be opened.
        """
        lock = DirectoryLock.acquire(directory)
        try:
            # The engine would otherwise take over the process's SIGTERM and its kin.
            _chdb.set_signal_handlers_enabled(0)  # type: ignore[attr-defined]  # absent from the stub
            dsn = f"chdb://{(directory / ENGINE_FOLDER).absolute()}"
            admin, *clients = [clickhouse_connect.get_client(dsn=dsn) for _ in range(1 + INSERTERS + READERS)]
            upgrade = Upgrade(admin, directory)
            journal = Journal(directory / JOURNAL_FOLDER, fsync=fsync)
            inserters, readers = clients[:INSERTERS], clients[INSERTERS:]
            space = Space(directory, min_free_bytes)
            store = cls(dsn, lock, journal, space, inserters, readers, admin, watcher or Watcher(), fsync=fsync)
            store._bring_up_to_date(upgrade, retention or {})
        except StoreUnusable:
            lock.release()
            raise
        except (ClickHouseError, StoreError, OSError) as error:
            lock.release()
            raise StoreUnusable(f"cannot open the data directory {directory}: {error}") from error
        return store

    def _bring_up_to_date(self, upgrade: Upgrade, retention: Retention) -> None:
        if upgrade.needed and upgrade.holds_data and self._unsettled:
            self._decode_with(upgrade.landing_schema_file())
            for token in list(self._unsettled):
                self._settle(token)
                self._unsettled.remove(token)
        upgrade.run(retention)
        self._decode_with(upgrade.landing_schema_file())
        self._make_durable()

    def _decode_with(self, landing_schema: Path) -> None:
        self._insert_settings["format_schema"] = f"{landing_schema.absolute()}:ResourceSpans"

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells whoever tries to open the same directory where to ask instead."""
        self._lock.publish(addresses)

    async def insert_traces(self, body: bytes, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """Stores one ProtobufList body (see ingest.framing.join), of requests with these identities.

        Returns what each request came to, by identity. Raises MalformedData when it does not decode: nothing is
        stored. Raises StoreUnavailable when the engine or the disk refuses: what is stored then is not known until
        `recover` has succeeded.
        """
        return await asyncio.get_running_loop().run_in_executor(self._insert_threads, self._insert, body, identities)

    async def recover(self) -> dict[bytes, Rejection] | None:
        """Finishes the oldest insert that failed half-way, in this process or one that was killed.

        Returns what its requests came to, by identity: they are stored now. None, at once, when nothing is open. One
        call at a time, and who inserts calls first, until None. Raises StoreUnavailable while the engine still refuses.
        """
        if not self._unsettled:
            return None
        token = self._unsettled[0]
        outcomes = await asyncio.get_running_loop().run_in_executor(self._insert_threads, self._settle, token)
        self._unsettled.remove(token)
        return outcomes

    async def recent(self, window_seconds: int, limit: int) -> list[tuple[bytes, Rejection]]:
        """Requests stored in the last `window_seconds`, newest first, by identity. Raises StoreUnavailable."""
        rows = await self.fetch(self._recent_sql, {"window_seconds": window_seconds, "limit": limit})
        return [(bytes.fromhex(identity), Rejection(spans, reason)) for identity, spans, reason in rows.rows]

    async def fetch(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        """Runs one SELECT whose `{name:Type}` placeholders are bound by the engine. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._fetch, sql, dict(parameters))

    async def check(self) -> None:
        """Returns when spans can be stored and queries answered; raises StoreUnavailable with what is in the way."""
        await self.fetch("SELECT 1", {})
        await asyncio.to_thread(self._space.require)
        if self._problem:
            raise StoreUnavailable(self._problem)

    async def try_writing(self) -> None:
        """After a write that failed without leaving anything open: tries whether the disk takes as much now.

        Does nothing, quickly, when the last write succeeded. Raises StoreUnavailable.
        """
        if self._problem and not self._unsettled:
            await asyncio.get_running_loop().run_in_executor(self._insert_threads, self._try_writing)

    async def table_sizes(self) -> list[TableSize]:
        """What every table holds now, by name. Raises StoreUnavailable."""
        return [TableSize(*row) for row in (await self.fetch(self._sizes_sql, {})).rows]

    def free_bytes(self) -> int:
        """Space left on the data directory's disk. Raises OSError."""
        return self._space.free_bytes()

    async def administer(self, work: Callable[[Client], T]) -> T:
        """Runs `work` on a handle and a thread of its own, one at a time. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._admin_thread, self._administer, work)

    async def close(self) -> None:
        """Waits for running calls, closes the engine, gives up the directory."""
        await asyncio.to_thread(self._close)

    def _insert(self, body: bytes, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        self._space.require()
        try:
            group = self._journal.write(body, identities)
        except OSError as error:
            raise self._refused_by_disk(error, len(body)) from error
        try:
            self._make_durable()
            return self._insert_group(group)
        except MalformedData:
            raise
        except BaseException:
            self._unsettled.append(group.token)
            raise

    def _settle(self, token: str) -> dict[bytes, Rejection]:
        self._space.require()
        try:
            return self._insert_group(self._journal.read(token))
        except MalformedData:
            return {}  # its senders were never told that it is stored
        except FileNotFoundError:
            return {}  # stored: the body goes only when it is, before the rest of the files
        except OSError as error:
            raise self._refused_by_disk(error, 0) from error

    def _insert_group(self, group: Group) -> dict[bytes, Rejection]:
        """Inserts a group into every table that lacks it. Raises MalformedData, or StoreError leaving it unsettled."""
        # As many threads as handles: pop never finds the list empty, and list.pop/append are atomic.
        client = self._idle_inserters.pop()
        try:
            client.raw_insert(
                "otlp_traces_landing",
                insert_block=group.body,
                fmt="ProtobufList",
                settings=self._insert_settings | {"insert_deduplication_token": group.deduplication_token},
            )
            outcomes = self._remember(client, group.identities)
            self._make_durable()
        except ClickHouseError as error:
            failure = translate(error, "storing spans")
            if isinstance(failure, MalformedData):
                self._settled(group)
            else:
                self._failed(error, str(failure), len(group.body))
            raise failure from error
        finally:
            self._idle_inserters.append(client)
        self._settled(group)
        self._problem = ""
        return outcomes

    def _settled(self, group: Group) -> None:
        try:
            self._journal.remove(group.token)
        except OSError as error:
            # What is in the journal is inserted again, and adds nothing: that is better than not knowing.
            raise self._refused_by_disk(error, 0) from error

    def _try_writing(self) -> None:
        self._space.require()
        try:
            self._journal.try_writing(self._problem_bytes)
        except OSError as error:
            raise self._refused_by_disk(error, self._problem_bytes) from error
        self._problem = ""

    def _refused_by_disk(self, error: OSError, size: int) -> StoreUnavailable:
        message = f"storing spans: {error.strerror or error}"
        self._failed(error, message, size)
        return StoreUnavailable(message)

    def _failed(self, error: ClickHouseError | OSError, problem: str, size: int) -> None:
        self._problem, self._problem_bytes = problem, size
        self._report(error, problem)

    def _report(self, error: ClickHouseError | OSError, problem: str) -> None:
        code = error_code(error)
        logger.warning("the engine or the disk refused", extra={"code": code, "problem": problem})
        self._watcher.engine_failed(code)

    def _remember(self, client: Client, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """Finds out what was refused, and notes it, so that whoever sends a request again hears the same."""
        outcomes = dict.fromkeys(identities, NOTHING)
        asked = {"identities": [identity.hex() for identity in identities]}
        for identity, spans, reason in client.query(self._rejected_sql, parameters=asked).result_rows:
            outcomes[bytes.fromhex(identity)] = Rejection(spans, reason)
        noted = {
            "identities": [identity.hex() for identity in outcomes],
            "spans": [rejection.spans for rejection in outcomes.values()],
            "reasons": [rejection.reason for rejection in outcomes.values()],
        }
        client.command(self._remember_sql, parameters=noted)
        return outcomes

    def _make_durable(self) -> None:
        """With --fsync: what was written so far survives the machine's power from here on. Raises StoreUnavailable."""
        if self._fsync:
            try:
                sync_filesystem(self._lock.directory)
            except OSError as error:
                raise self._refused_by_disk(error, 0) from error

    def _administer(self, work: Callable[[Client], T]) -> T:
        try:
            return work(self._admin)
        except ClickHouseError as error:
            self._watcher.engine_failed(error_code(error))
            raise StoreUnavailable(str(translate(error, "administering the store"))) from error

    def _fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        client = self._idle_readers.pop()  # as in _insert_group
        try:
            result = client.query(sql, parameters=parameters)
        except ClickHouseError as error:
            client = self._renewed(client)
            failure = translate(error, "answering a query")
            self._report(error, str(failure))
            # A query's parameters are checked before they get here: what fails now is not the asker's data.
            raise StoreUnavailable(str(failure)) if isinstance(failure, MalformedData) else failure from error
        finally:
            self._idle_readers.append(client)
        return Rows(tuple(result.column_names), [tuple(row) for row in result.result_rows])

    def _renewed(self, client: Client) -> Client:
        """A handle in place of one whose statement failed.

        The embedded engine keeps what a failed statement had put out already, and gives it to the handle's next
        statement as the beginning of its answer; a new handle knows nothing of it.
        """
        try:
            fresh = clickhouse_connect.get_client(dsn=self.dsn)
        except ClickHouseError:  # the engine is in greater trouble, and the next read will say so
            return client
        client.close()
        return fresh

    def _close(self) -> None:
        self._insert_threads.shutdown()
        self._read_threads.shutdown()
        self._admin_thread.shutdown()
        for client in (*self._idle_inserters, *self._idle_readers, self._admin):
            client.close()
        self._lock.release()
