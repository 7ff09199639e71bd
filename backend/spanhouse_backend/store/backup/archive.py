"""A snapshot as a tar archive, made and read as a stream, so that neither side needs room for a second copy.

    spanhouse-backup.json               what the archive holds: versions; of each table its statement, rows and parts
    tables/<table>/<part>/<file>        the engine's own files, which are compressed already
    SHA256SUMS                          of every file before it, as sha256sum writes and checks them

The checksums come last, because they are known last; an archive without them was cut off.
"""

import hashlib
import json
import tarfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from spanhouse_backend.store.backup.snapshot import Snapshot, files_of

FORMAT = 1
"""Of the archive; one that is read must have the same."""
MANIFEST, SUMS, TABLES = "spanhouse-backup.json", "SHA256SUMS", "tables"
CHUNK_BYTES = 1024 * 1024
"""What is read and sent at once, about."""


def archive(snapshot: Snapshot) -> Iterator[bytes]:
    """The archive's bytes, in pieces of some CHUNK_BYTES, none empty. Raises OSError when a file cannot be read."""
    gathered = bytearray()
    for piece in _members(snapshot):
        gathered += piece
        if len(gathered) >= CHUNK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)  # the end of the archive at least


def _members(snapshot: Snapshot) -> Iterator[bytes]:
    made = int(time.time())
    sums: list[str] = []

    def member(name: str, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        header = tarfile.TarInfo(name)
        header.size, header.mtime, header.mode = size, made, 0o600
        digest = hashlib.sha256()
        yield header.tobuf(tarfile.PAX_FORMAT)
        for piece in pieces:
            digest.update(piece)
            yield piece
        yield bytes(-size % tarfile.BLOCKSIZE)
        sums.append(f"{digest.hexdigest()}  {name}\n")

    manifest = json.dumps(_manifest(snapshot, made), indent=1).encode()
    yield from member(MANIFEST, len(manifest), iter([manifest]))
    for table in snapshot.tables:
        for part in table.parts:
            for file in files_of(part):
                name = f"{TABLES}/{table.name}/{part.name}/{file.relative_to(part)}"
                yield from member(name, file.stat().st_size, _pieces(file))
    listed = "".join(sums).encode()
    yield from member(SUMS, len(listed), iter([listed]))
    yield bytes(2 * tarfile.BLOCKSIZE)  # the end of an archive


def _manifest(snapshot: Snapshot, made: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "spanhouse": version("spanhouse"),
        "engine": version("chdb"),
        "schema_version": snapshot.schema_version,
        "made_unix_seconds": made,
        "size_bytes": snapshot.size_bytes,
        "tables": [
            {"name": table.name, "create": table.create_sql, "rows": table.rows, "parts": len(table.parts)}
            for table in snapshot.tables
        ],
    }


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from pieces_of(opened)


def pieces_of(opened: IO[bytes]) -> Iterator[bytes]:
    """What is left of a file, in pieces of at most CHUNK_BYTES."""
    return iter(lambda: opened.read(CHUNK_BYTES), b"")
