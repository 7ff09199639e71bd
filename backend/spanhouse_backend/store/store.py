"""ClickHouse, opened: bytes go in by `insert`, exactly once, and rows come out by `fetch`.

The engine's calls block, so they run on threads of the store's own, a few that insert and one that reads: a
handle serves one call at a time, while handles run in parallel and release the GIL. Where the engine is, and what is
different there, is a `Place`'s to know. Nothing here knows what a span or a percentile is.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import BackupRefused, MalformedData, StoreError, StoreUnavailable, StoreUnusable
from spanhouse_backend.retention import Retention
from spanhouse_backend.store.backup.snapshot import Snapshot, drop_snapshot, take_snapshot
from spanhouse_backend.store.embedded import Embedded
from spanhouse_backend.store.held import held
from spanhouse_backend.store.inserting import Inserting
from spanhouse_backend.store.landing import Landing
from spanhouse_backend.store.place import Place
from spanhouse_backend.store.rejection import Rejection
from spanhouse_backend.store.schema import query_text
from spanhouse_backend.store.translate import error_code, translate
from spanhouse_backend.store.upgrade import Upgrade
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

# For what the server asks for itself; questions have handles of their own (store/queries.py).
READERS = 1
# Decoding, half of a large insert, is one thread's work: a second insert uses the other core. A third gains nothing.
INSERTERS = 2
T = TypeVar("T")
# The folders of engines of which a snapshot is there. Stores of one engine, one a namespace, share it; only the event
# loop's thread looks here.
_SNAPSHOTS: set[Path] = set()


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
    """An open ClickHouse, and the right to use the place it is in.

    Each thread of an executor takes one of as many handles and gives it back, and a handle takes no lock of ours, so
    nothing here can deadlock; `close` waits for what is running, so no insert is cut off half-way.
    """

    def __init__(
        self, place: Place, inserting: Inserting, readers: list[Client], admin: Client, watcher: Watcher
    ) -> None:
        self.connect = place.connect
        """Opens a further handle, to be closed before the store is."""
        self.database = place.database
        """Where its tables are."""
        self._place = place
        self._inserting = inserting
        self._watcher = watcher
        self._recent_sql = query_text("recent_batches.sql")
        self._sizes_sql = query_text("table_sizes.sql")
        self._idle_readers = readers
        self._admin = admin
        self._insert_threads = ThreadPoolExecutor(INSERTERS, thread_name_prefix="spanhouse-insert")
        self._read_threads = ThreadPoolExecutor(len(readers), thread_name_prefix="spanhouse-read")
        # So that what takes long, such as altering a table, keeps neither spans nor answers waiting.
        self._admin_thread = ThreadPoolExecutor(1, thread_name_prefix="spanhouse-admin")

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
        """Opens or makes the embedded store in `directory`; see `Embedded` and `open_at`."""
        return cls.open_at(Embedded(directory, min_free_bytes, fsync=fsync), watcher, retention=retention)

    @classmethod
    def open_at(cls, place: Place, watcher: Watcher | None = None, *, retention: Retention | None = None) -> Self:
        """Opens or makes the store at `place`, and brings its schema up to date. Blocks, for a second or more.

        `retention` comes to hold in place of what is in force. Raises StoreHeld when another process has the place to
        itself, StoreUnusable when it cannot be opened.
        """
        watcher = watcher or Watcher()
        place.take()
        try:
            admin, *clients = [place.connect() for _ in range(1 + INSERTERS + READERS)]
            # Another process may do the same meanwhile, so whoever comes to change anything looks again.
            needed = Upgrade(admin, place).needed
            with place.changing(admin) if needed else nullcontext():
                upgrade = Upgrade(admin, place)
                inserting = Inserting(place, clients[:INSERTERS], watcher)
                _bring_up_to_date(place, upgrade, inserting, retention or {})
        except StoreUnusable:
            place.release()
            raise
        except (ClickHouseError, StoreError, OSError) as error:
            place.release()
            raise StoreUnusable(f"cannot open {place.name}: {error}") from error
        return cls(place, inserting, clients[INSERTERS:], admin, watcher)

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells whoever tries to open the same place where to ask instead."""
        self._place.publish(addresses)

    async def insert(self, landing: Landing, body: bytes, identities: Sequence[bytes]) -> dict[bytes, Rejection]:
        """Stores one ProtobufList body (see ingest.framing.join), of requests with these identities.

        Returns what each request came to, by identity. Raises MalformedData when it does not decode: nothing is
        stored. Raises StoreUnavailable when the engine or the disk refuses: what is stored then is not known until
        `recover` has succeeded.
        """
        work = self._inserting.insert
        return await asyncio.get_running_loop().run_in_executor(self._insert_threads, work, landing, body, identities)

    async def recover(self) -> dict[bytes, Rejection] | None:
        """Finishes the oldest insert that failed half-way, in this process or one that was killed.

        Returns what its requests came to, by identity: they are stored now. None, at once, when nothing is open. One
        call at a time, and who inserts calls first, until None. Raises StoreUnavailable while the engine still refuses.
        """
        tokens = self._inserting.open_tokens
        if not tokens:
            return None
        token = tokens[0]
        settle = self._inserting.settle
        outcomes = await asyncio.get_running_loop().run_in_executor(self._insert_threads, settle, token)
        tokens.remove(token)
        return outcomes

    async def recent(self, window_seconds: int, limit: int) -> list[tuple[bytes, Rejection]]:
        """Requests stored in the last `window_seconds`, newest first, by identity. Raises StoreUnavailable."""
        rows = await self.fetch(self._recent_sql, {"window_seconds": window_seconds, "limit": limit})
        return [(bytes.fromhex(identity), Rejection(records, reason)) for identity, records, reason in rows.rows]

    async def fetch(self, sql: str, parameters: Mapping[str, Any]) -> Rows:
        """Runs one SELECT whose `{name:Type}` placeholders are bound by the engine. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._fetch, sql, dict(parameters))

    async def check(self) -> None:
        """Returns when spans can be stored and queries answered; raises StoreUnavailable with what is in the way."""
        await self.fetch("SELECT 1", {})
        await asyncio.to_thread(self._place.require_room)
        if self._inserting.problem:
            raise StoreUnavailable(self._inserting.problem)

    async def try_writing(self) -> None:
        """After a write that failed without leaving anything open: tries whether the disk takes as much now.

        Does nothing, quickly, when the last write succeeded. Raises StoreUnavailable.
        """
        if self._inserting.problem and not self._inserting.open_tokens:
            await asyncio.get_running_loop().run_in_executor(self._insert_threads, self._inserting.try_writing)

    async def look_around(self) -> None:
        """Takes over what other processes left half-way, for `recover` to finish. Raises StoreUnavailable."""
        await asyncio.to_thread(self._inserting.look_around)

    async def table_sizes(self) -> list[TableSize]:
        """What every table holds now, by name. Raises StoreUnavailable."""
        return [TableSize(*row) for row in (await self.fetch(self._sizes_sql, {})).rows]

    def free_bytes(self) -> int:
        """Space left for what is stored. Raises OSError where that cannot be known."""
        return self._place.free_bytes()

    async def administer(self, work: Callable[[Client], T]) -> T:
        """Runs `work` on a handle and a thread of its own, one at a time. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._admin_thread, self._administer, work)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """All tables between two groups, for as long as the block runs; inserts wait while the links are made.

        Raises BackupRefused while another is there, or where the engine's files are not here; StoreUnavailable.
        """
        files = self._place.engine_folder()
        if files in _SNAPSHOTS:
            raise BackupRefused("another backup is being made: one at a time, try again when it has ended")
        _SNAPSHOTS.add(files)
        try:
            yield await self.administer(lambda client: self._take_snapshot(client, files))
        finally:
            # On the same thread: after the links are made, also when nobody waits for them any more.
            await self.administer(lambda _: drop_snapshot(files))
            _SNAPSHOTS.discard(files)

    async def close(self) -> None:
        """Waits for running calls, closes the engine, gives up the place."""
        await asyncio.to_thread(self._close)

    def _take_snapshot(self, client: Client, files: Path) -> Snapshot:
        with held(self._insert_threads, INSERTERS):
            if self._inserting.open_tokens:
                raise StoreUnavailable("an insert failed half-way and is not finished yet: no backup could be whole")
            try:
                return take_snapshot(client, files)
            except OSError as error:
                raise StoreUnavailable(f"making a backup: {error.strerror or error}") from error

    def _administer(self, work: Callable[[Client], T]) -> T:
        try:
            return work(self._admin)
        except ClickHouseError as error:
            self._watcher.engine_failed(error_code(error))
            raise StoreUnavailable(str(translate(error, "administering the store"))) from error

    def _fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        # As many threads as handles: pop never finds the list empty, and list.pop/append are atomic.
        client = self._idle_readers.pop()
        try:
            result = client.query(sql, parameters=parameters)
        except ClickHouseError as error:
            client = self._renewed(client)
            failure = translate(error, "answering a query")
            code = error_code(error)
            logger.warning("the engine or the disk refused", extra={"code": code, "problem": str(failure)})
            self._watcher.engine_failed(code)
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
        fresh = client
        with suppress(ClickHouseError):  # the engine is in greater trouble, and the next read will say so
            fresh = self.connect()
            client.close()
        return fresh

    def _close(self) -> None:
        for threads in (self._insert_threads, self._read_threads, self._admin_thread):
            threads.shutdown()
        self._inserting.close()
        for client in (*self._idle_readers, self._admin):
            client.close()
        self._place.release()


def _bring_up_to_date(place: Place, upgrade: Upgrade, inserting: Inserting, retention: Retention) -> None:
    if upgrade.needed and upgrade.holds_data and inserting.open_tokens:
        # Through the views that they were begun with.
        place.decode_by(upgrade.landing_mark)
        for token in list(inserting.open_tokens):
            inserting.settle(token)
            inserting.open_tokens.remove(token)
    upgrade.run(retention)
    place.decode_by(upgrade.landing_mark)
    place.make_durable()
