"""An archive becomes a data directory: unpacked beside its place, checked, taken up by the engine, then put there.

Nothing in the archive is believed. Names that lead anywhere else, files that are not listed or do not have their
checksum, statements that make anything but a table of our kind, and rows that are missing all end in an error, and then
the directory is not there.
"""

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any, NamedTuple

import clickhouse_connect
from chdb import _chdb
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.store.backup.archive import FORMAT, MANIFEST, SUMS, TABLES, pieces_of
from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.migrations import MIGRATIONS
from spanhouse_backend.store.schema import query_text

_MEMBER = re.compile(rf"{TABLES}/(?P<table>\w+)/(?P<part>[\w-]+)/(?P<file>(?!\.)[\w.@%-]+(/(?!\.)[\w.@%-]+)?)")
# As system.tables has it, on one line: our kinds of tables, in the database of ours.
_CREATE = re.compile(
    r"CREATE TABLE default\.(?P<table>\w+) \(.*\) ENGINE = (Replacing|Summing|Aggregating)?MergeTree\b.*", re.DOTALL
)
_MAX_MANIFEST_BYTES = 4 * 1024 * 1024
_ENGINE, _UNPACKED = "engine", "unpacked"


Tell = Callable[[int, int], None]
"""Hears how many bytes of how many are unpacked."""


class RestoredTable(NamedTuple):
    """A table that is there again, and its rows."""

    name: str
    rows: int


def restore(source: IO[bytes], directory: Path, tell: Tell = lambda *_: None) -> list[RestoredTable]:
    """Makes the data directory `directory`, which must not be there or be empty, of an archive. Blocks.

    Raises StoreUnusable with what is wrong, having left nothing
    behind.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StoreUnusable(f"{directory} is there already: restore to a directory that is not, or is empty")
    beside = directory.with_name(f"{directory.name}.restoring")
    try:
        beside.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise StoreUnusable(
            f"{beside} is there: another restore runs, or one was killed; in that case remove it and try again"
        ) from None
    except OSError as error:
        raise StoreUnusable(f"cannot make {beside}: {error.strerror or error}") from error
    try:
        restored = _restore(source, beside, tell)
        if directory.exists():
            directory.rmdir()
        beside.rename(directory)
    except (tarfile.TarError, EOFError) as error:
        raise StoreUnusable(f"this is not a whole archive of `spanhouse backup`: {error}") from error
    except ClickHouseError as error:
        raise StoreUnusable(f"the engine does not take the archive: {error}") from error
    except OSError as error:
        raise StoreUnusable(f"cannot restore to {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return restored


def _restore(source: IO[bytes], beside: Path, tell: Tell) -> list[RestoredTable]:
    manifest = _unpack(source, beside / _UNPACKED, tell)
    # The engine would otherwise take over the process's SIGTERM and its kin.
    _chdb.set_signal_handlers_enabled(0)  # type: ignore[attr-defined]  # absent from the stub
    with closing(clickhouse_connect.get_client(dsn=f"chdb://{(beside / _ENGINE).absolute()}")) as client:
        restored = [_take_up(client, beside / _UNPACKED, table) for table in manifest["tables"]]
    shutil.rmtree(beside / _UNPACKED, ignore_errors=True)
    return restored


def _unpack(source: IO[bytes], folder: Path, tell: Tell) -> dict[str, Any]:
    """Writes the files of an archive into `folder`, checked; its manifest."""
    manifest: dict[str, Any] | None = None
    found: dict[str, str] = {}
    done = 0
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise StoreUnusable(
                    f"the archive has {member.name!r}, which is no file: it is not one of `spanhouse backup`"
                )
            if manifest is None:
                manifest, found[MANIFEST] = _read_manifest(member, content)
            elif member.name == SUMS:
                _compare(found, content.read().decode("utf-8", "replace"))
                return manifest
            else:
                found[member.name] = _write(member.name, content, folder)
                done += member.size
                tell(done, int(manifest["size_bytes"]))
    raise StoreUnusable("the archive ends too early: it was cut off while it was made or copied")


def _read_manifest(member: tarfile.TarInfo, content: IO[bytes]) -> tuple[dict[str, Any], str]:
    text = content.read(_MAX_MANIFEST_BYTES)
    try:
        manifest = json.loads(text) if member.name == MANIFEST else None
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise StoreUnusable(f"this is no archive of `spanhouse backup`: it begins with {member.name!r}, not {MANIFEST}")
    if manifest.get("format") != FORMAT or manifest.get("schema_version", 0) > MIGRATIONS[-1].version:
        made_by = manifest.get("spanhouse")
        raise StoreUnusable(
            f"the archive was made by spanhouse {made_by}, which is newer: install that version or later"
        )
    return manifest, hashlib.sha256(text).hexdigest()


def _write(name: str, content: IO[bytes], folder: Path) -> str:
    if not _MEMBER.fullmatch(name):
        raise StoreUnusable(f"the archive has a file {name!r}, which no backup has")
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as opened:
        for piece in pieces_of(content):
            digest.update(piece)
            opened.write(piece)
    return digest.hexdigest()


def _compare(found: dict[str, str], sums: str) -> None:
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in sums.splitlines())}
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) != found.get(name):
            raise StoreUnusable(
                f"the archive is damaged: {name} is missing, not listed, or not as it was when it was made"
            )


def _take_up(client: Client, unpacked: Path, table: dict[str, Any]) -> RestoredTable:
    """Makes a table and gives it its parts."""
    made = _CREATE.fullmatch(table["create"])
    if made is None or made["table"] != table["name"]:
        raise StoreUnusable(f"the archive makes {table['name']!r} by a statement that no backup has")
    # A statement may look right and yet ask for rows of somewhere, or be of another engine: the engine is asked.
    if any("Select" in node for (node,) in client.query(f"EXPLAIN AST {made.string}").result_rows):
        raise StoreUnusable(f"the archive fills {table['name']!r} by a query, which no backup does")
    client.command(made.string)
    name = made["table"]
    paths = {row[0]: row[2] for row in client.query(query_text("stored_tables.sql")).result_rows}
    if name not in paths:
        raise StoreUnusable(f"the archive makes {name!r} a table of another kind than any backup has")
    folder = unpacked / TABLES / name
    for part in sorted(folder.iterdir()) if folder.is_dir() else []:
        part.rename(Path(paths[name]) / "detached" / part.name)
        client.command(written_out(query_text("attach_part.sql"), {"table": name, "part": part.name}))
    ((rows,),) = client.query(query_text("count_rows.sql"), parameters={"table": name}).result_rows
    if rows != table["rows"]:
        raise StoreUnusable(f"{name} has {rows} rows after the restore, and had {table['rows']} in the backup")
    return RestoredTable(name, rows)
