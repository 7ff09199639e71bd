"""All tables as they are at one moment, kept by links to their files while the store goes on.

The engine never changes a part once it is written, so links are a copy: they cost no time and no space until merges or
retention would have taken the parts away. Whoever makes a snapshot sees to it that no insert runs meanwhile, since each
table is linked on its own.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from spanhouse_backend.store.schema import query_text

_SHADOW = Path("shadow") / "spanhouse"  # the name is freeze_table.sql's


class FrozenTable(NamedTuple):
    """One table: the statement that makes it, its rows, and a folder for each of its parts."""

    name: str
    create_sql: str
    rows: int
    parts: tuple[Path, ...]


class Snapshot(NamedTuple):
    """The tables at one moment, and the schema version they are of."""

    tables: tuple[FrozenTable, ...]
    schema_version: int

    @property
    def size_bytes(self) -> int:
        """What the files of all parts come to."""
        return sum(file.stat().st_size for table in self.tables for part in table.parts for file in files_of(part))


def take_snapshot(client: Client, engine_folder: Path) -> Snapshot:
    """Links the parts of every table; `drop_snapshot` unlinks them. Raises ClickHouseError, OSError."""
    drop_snapshot(engine_folder)
    tables = [_freeze(client, engine_folder, *row) for row in client.query(query_text("stored_tables.sql")).result_rows]
    (version,) = client.query(query_text("schema_version.sql")).result_rows
    return Snapshot(tuple(tables), version[0])


def drop_snapshot(engine_folder: Path) -> None:
    """Takes the links away, also what a process left that was killed; nothing of the tables goes with them."""
    shutil.rmtree(engine_folder / _SHADOW, ignore_errors=True)


def files_of(part: Path) -> list[Path]:
    """Every file of a part, always in the same order."""
    return sorted(path for path in part.rglob("*") if path.is_file())


def _freeze(client: Client, engine_folder: Path, name: str, create_sql: str, path: str) -> FrozenTable:
    client.command(query_text("freeze_table.sql"), parameters={"table": name})
    folder = engine_folder / _SHADOW / Path(path).relative_to(engine_folder)
    parts = sorted(part for part in folder.iterdir() if part.is_dir()) if folder.is_dir() else []  # none when empty
    rows = sum(int((part / "count.txt").read_text(encoding="ascii")) for part in parts)
    return FrozenTable(name, create_sql, rows, tuple(parts))
