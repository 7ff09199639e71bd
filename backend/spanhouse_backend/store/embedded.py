"""The embedded engine: ClickHouse in this process, over a data directory that no other process may use meanwhile."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import clickhouse_connect
from chdb import _chdb
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.namespace import namespace_folder
from spanhouse_backend.store.backup.snapshot import drop_snapshot
from spanhouse_backend.store.directory import DirectoryLock
from spanhouse_backend.store.durability import sync_filesystem
from spanhouse_backend.store.journal import Journal
from spanhouse_backend.store.place import Group
from spanhouse_backend.store.schema import landing_mark, landing_schema, query_text
from spanhouse_backend.store.space import Space

ENGINE_FOLDER, JOURNAL_FOLDER = "engine", "inflight"
# Of a namespace's database.
_NAMESPACE_PREFIX = "spanhouse_"


class Embedded:
    """The engine in `directory`: a `Place`.

    Nothing is written while the directory's disk has less than `min_free_bytes` free. With `fsync` what was written is
    on the disk itself when `make_durable` returns.
    """

    elsewhere = "choose another directory with --data"
    database = "default"

    def __init__(self, directory: Path, min_free_bytes: int = 0, *, fsync: bool = False) -> None:
        self.name = f"the data directory {directory}"
        self._directory = directory
        # Where it notes what belongs to its tables: the journal, and the schemas of their landing tables.
        self._notes = directory
        self._fsync = fsync
        self._lock: DirectoryLock | None = None
        self._space = Space(directory, min_free_bytes)
        self._landing_schema = Path()

    def take(self) -> None:
        """Makes the directory if needed and locks it. Raises StoreHeld naming the holder, StoreUnusable."""
        self._lock = DirectoryLock.acquire(self._directory)
        # The engine would otherwise take over the process's SIGTERM and its kin.
        _chdb.set_signal_handlers_enabled(0)  # type: ignore[attr-defined]  # absent from the stub
        drop_snapshot(self.engine_folder())  # of a process that was killed while it made a backup

    def release(self) -> None:
        """Lets the directory go."""
        if self._lock is not None:
            self._lock.release()

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells whoever tries to open the same directory where to ask instead."""
        if self._lock is not None:
            self._lock.publish(addresses)

    def connect(self, *, session: bool = False) -> Client:
        """One more handle on the engine of this process; each is a session. Raises ClickHouseError."""
        del session
        return clickhouse_connect.get_client(dsn=f"chdb://{self.engine_folder()}", database=self.database)

    def journal(self) -> Journal:
        """In the directory, beside the engine's own files. Raises OSError."""
        return Journal(self._notes / JOURNAL_FOLDER, fsync=self._fsync)

    def require_room(self) -> None:
        """Raises StoreUnavailable while the disk has less than the floor free."""
        self._space.require()

    def make_durable(self) -> None:
        """With `fsync`: what was written so far survives the machine's power from here on. Raises OSError."""
        if self._fsync:
            sync_filesystem(self._directory)

    def free_bytes(self) -> int:
        """Space left on the directory's disk. Raises OSError."""
        return self._space.free_bytes()

    def engine_folder(self) -> Path:
        """In the directory."""
        return (self._directory / ENGINE_FOLDER).absolute()

    def decode_by(self, mark: str) -> None:
        """By the schema that was written down with the landing tables of this mark. Raises StoreUnusable.

        A file, because the embedded engine leaves a copy of a schema that is given as text in the folder the process
        was started in; in the data directory, because it belongs to the tables there rather than to this software; and
        named by its content, because the engine reads a file of one name only once.
        """
        file = self._landing_file(mark)
        self._landing_schema = file if mark and file.is_file() else self._write_landing_file()

    def insert_settings(self, group: Group) -> dict[str, str | int]:
        """The schema's file and the message in it."""
        return {"format_schema": f"{self._landing_schema.absolute()}:{group.landing.message}"}

    def changing(self, client: Client) -> AbstractContextManager[None]:
        """Nobody else has the directory, and this process does not insert before its store is open."""
        del client
        return nullcontext()

    def before_views(self) -> None:
        """Writes this software's schema down: a landing table never is without its own. Raises StoreUnusable."""
        self._write_landing_file()

    def after_views(self, client: Client, names: Sequence[str]) -> None:
        """Takes the views up as a restart would (sql/attach_table.sql), and forgets schemas of others before them."""
        for name in names:
            for query in ("detach_table.sql", "attach_table.sql"):
                client.command(query_text(query), parameters={"table": name})
        for file in set(self._notes.glob("landing-*.proto")) - {self._landing_file(landing_mark())}:
            file.unlink(missing_ok=True)

    def _landing_file(self, mark: str) -> Path:
        return self._notes / f"landing-{mark}.proto"

    def _write_landing_file(self) -> Path:
        """This software's. Beside its place and renamed, so that one that is there is whole."""
        file = self._landing_file(landing_mark())
        unfinished = file.with_suffix(".tmp")
        try:
            unfinished.write_text(landing_schema(), encoding="utf-8")
            unfinished.rename(file)
        except OSError as error:
            raise StoreUnusable(f"cannot write {file}: {error.strerror or error}") from error
        return file


class EmbeddedNamespace(Embedded):
    """A further database of an embedded engine that is open already, with notes of its own: a `Place`.

    The directory stays the first one's, which has to be opened before and closed after this one.
    """

    def __init__(self, namespace: str, directory: Path, min_free_bytes: int = 0, *, fsync: bool = False) -> None:
        super().__init__(directory, min_free_bytes, fsync=fsync)
        self.name = f"the namespace {namespace} in the data directory {directory}"
        self.database = f"{_NAMESPACE_PREFIX}{namespace}"
        self._notes = namespace_folder(directory, namespace)

    def take(self) -> None:
        """Makes its database and its folder if needed. Raises StoreUnusable."""
        try:
            self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(clickhouse_connect.get_client(dsn=f"chdb://{self.engine_folder()}")) as client:
                client.command(query_text("create_database.sql"), parameters={"database": self.database})
        except OSError as error:
            raise StoreUnusable(f"cannot make {self._notes}: {error.strerror or error}") from error
        except ClickHouseError as error:
            raise StoreUnusable(f"cannot make the database of {self.name}: {error}") from error
