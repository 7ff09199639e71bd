"""The one administrator behind gRPC and REST: retention, as it is and changed, and backups, while spans come in."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from spanhouse_backend.admin.answers import RetentionAnswer, StoredTable
from spanhouse_backend.retention import Retention
from spanhouse_backend.store.backup.archive import archive
from spanhouse_backend.store.retention import KEPT_TABLES, retention_in_force, set_retention
from spanhouse_backend.store.schema import query_text
from spanhouse_backend.store.store import Store


class Backup(NamedTuple):
    """An archive: what the stored files come to, and its bytes in pieces."""

    size_bytes: int
    pieces: AsyncIterator[bytes]


class Administrator:
    """Asks and alters one open store; every method raises StoreUnavailable when the engine refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def retention(self) -> RetentionAnswer:
        """How long rows are kept, and what each table holds now."""
        return RetentionAnswer(await self._store.administer(retention_in_force), await self._tables())

    async def set_retention(self, change: Retention) -> RetentionAnswer:
        """Makes `change` hold for tables old and new, and says what is in force then.

        Inserts go on meanwhile; what is too old goes later, when the engine gets round to it.
        """
        kept = await self._store.administer(lambda client: set_retention(client, change))
        return RetentionAnswer(kept, await self._tables())

    @asynccontextmanager
    async def backup(self) -> AsyncIterator[Backup]:
        """Everything that is stored at one moment, as an archive, for as long as the block runs; inserts go on.

        Raises BackupRefused when none can be made as things stand.
        """
        async with self._store.snapshot() as snapshot:
            yield Backup(await asyncio.to_thread(lambda: snapshot.size_bytes), _on_threads(archive(snapshot)))

    async def _tables(self) -> tuple[StoredTable, ...]:
        sizes = {size.name: size for size in await self._store.table_sizes()}
        oldest = dict((await self._store.fetch(query_text("oldest_rows.sql"), {})).rows)
        return tuple(
            StoredTable(
                table.name,
                table.kind,
                sizes[table.name].rows if table.name in sizes else 0,
                sizes[table.name].size_bytes if table.name in sizes else 0,
                oldest[table.name],
            )
            for table in KEPT_TABLES
        )


async def _on_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, each made where reading a disk keeps nobody waiting."""
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
