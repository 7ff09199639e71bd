"""Requests that could not be delivered, as files: written whole or not at all, delivered once by whoever comes.

The layout and the rules are the contract of docs/spool.md, which other programs read too: one request per file, named
by its age, held by `flock` while somebody sends it. Nothing here raises; a spool that cannot be used says so once.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from spanhouse_exporter import request_bytes
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.signals import TRACES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanhouse_exporter.signals import Signal

SUFFIX, CORRUPT = ".otlp", "corrupt"
_MOST_ASIDE_FILES, _ASIDE_SHARE = 100, 4
"""What is set aside for a person to look at is bounded too: by files, and by this part of the spool's bytes."""
_BLOCK_BYTES = 4096
_STALE_SECONDS = 3600.0
_WRITES_BETWEEN_COUNTS = 64
"""Other processes write too, so the sizes are added up again every so often."""
_sequence = itertools.count()


class Kept(NamedTuple):
    """What became of a request that was handed to the spool."""

    ok: bool
    pushed_out: int = 0
    """Items of older requests that were dropped to make room."""


class Spool:
    """One directory, of one signal.

    Concurrency: files are the only state that matters and the file system orders them: a rename makes one visible,
    `flock` gives it to one owner in any process or thread. The estimate of the size may be off by a few files.
    """

    def __init__(self, directory: Path, max_bytes: int, signal: Signal = TRACES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._signal = signal
        self._notices = Notices(signal.logger)
        self._known_bytes: int | None = None
        self._writes = 0
        self._taken: set[int] = set()
        self.pushed_out_aside: int = 0
        """Items of set-aside requests that this process removed to make room for newer ones."""

    def keep(self, request: bytes) -> Kept:
        """Writes one request; older ones make room where there is none."""
        size = _on_disk(len(request))
        if size > self._max_bytes:
            self._notices.warning("size", "spanhouse: SPANHOUSE_SPOOL_MAX_BYTES leaves no room in %s", self._directory)
            return Kept(ok=False)
        try:
            self._write(request)
        except OSError as error:
            self._notices.warning(
                "write",
                "spanhouse: cannot write to the spool %s (%s; SPANHOUSE_SPOOL names another): %s are dropped",
                self._directory,
                error.strerror,
                self._signal.items,
            )
            return Kept(ok=False)
        self._writes += 1
        if self._known_bytes is not None:
            self._known_bytes += size
        if (
            self._known_bytes is None
            or self._known_bytes > self._max_bytes
            or self._writes % _WRITES_BETWEEN_COUNTS == 0
        ):
            return Kept(ok=True, pushed_out=self._make_room())
        return Kept(ok=True)

    def entries(self) -> Iterator[Entry]:
        """Requests, oldest first, each held for the caller, who ends that with one of the entry's methods."""
        for name in self._names():
            found = self._take(name)
            if found is not None:
                yield found

    def after_fork(self) -> None:
        """In the child: a copied descriptor would go on holding a file after its owner has died."""
        for descriptor in self._taken:
            with suppress(OSError):
                os.close(descriptor)
        self._taken.clear()
        self.pushed_out_aside = 0

    def make_room_aside(self) -> None:
        """Drops the oldest of what was set aside until the rest is within its bounds."""
        folder = self._directory / CORRUPT
        paths = [folder / name for name in sorted(_listed(folder))]
        sizes = {path: _on_disk(size) for path in paths if (size := _size(path)) is not None}
        total, files, dropped = sum(sizes.values()), len(sizes), 0
        for path, size in sizes.items():
            if files <= _MOST_ASIDE_FILES and total <= self._max_bytes // _ASIDE_SHARE:
                break
            items = _items_in(path)
            with suppress(OSError):  # somebody else has removed it, and counted it
                path.unlink()
                dropped += items
            files, total = files - 1, total - size
        if dropped:
            self.pushed_out_aside += dropped
            self._notices.warning("aside", "spanhouse: %s is full: oldest requests are removed", folder)

    def _write(self, request: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_sequence):06d}{SUFFIX}"
        temporary = self._directory / f".{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(temporary, flags, 0o600)
        except FileNotFoundError:
            self._make_directory()
            descriptor = os.open(temporary, flags, 0o600)
        try:
            try:
                left = memoryview(request)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            temporary.rename(self._directory / name)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise

    def _make_directory(self) -> None:
        # One after the other, since `parents` gives its mode to the last one only: folders of a user's data directory
        # are made for the user alone (XDG Base Directory Specification, "Referencing this specification").
        for folder in (*reversed(self._directory.parents), self._directory):
            folder.mkdir(exist_ok=True, mode=0o700)

    def _names(self) -> list[str]:
        """Complete requests, oldest first; what a writer has left half done is removed when it is old."""
        found = _listed(self._directory)
        for name in found:
            if name.startswith(".") and name.endswith(".tmp"):
                with suppress(OSError):
                    path = self._directory / name
                    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                        path.unlink()
        return sorted(name for name in found if name.endswith(SUFFIX) and not name.startswith("."))

    def _take(self, name: str) -> Entry | None:
        path = self._directory / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        self._taken.add(descriptor)
        entry = Entry(self, path, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have delivered and unlinked it between our open and our lock.
            held, named = os.fstat(descriptor), os.stat(path)  # noqa: PTH116
            if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino):
                raise FileNotFoundError(path)
            with open(descriptor, "rb", closefd=False) as file:
                entry.request = file.read()
            entry.item_count = request_bytes.count_items(entry.request)
        except OSError:
            entry.release()
            return None
        except ValueError:
            entry.set_aside()
            return None
        return entry

    def _make_room(self) -> int:
        """Drops the oldest until the rest fits; the number of items dropped."""
        sizes: dict[str, int] = {}
        for name in self._names():
            if (size_of := _size(self._directory / name)) is not None:
                sizes[name] = _on_disk(size_of)
        self.make_room_aside()  # others set aside too, and look only at their own
        total, dropped = sum(sizes.values()), 0
        for name, size in sizes.items():
            if total <= self._max_bytes:
                break
            entry = self._take(name)  # not while somebody sends it
            if entry is not None:
                dropped += entry.item_count
                entry.remove()
                total -= size
        self._known_bytes = total
        if dropped:
            self._notices.warning(
                "full", "spanhouse: the spool %s is full: oldest %s are dropped", self._directory, self._signal.items
            )
        return dropped


class Entry:
    """One request in the spool, held by this process."""

    def __init__(self, spool: Spool, path: Path, descriptor: int) -> None:
        self._spool = spool
        self._path = path
        self._descriptor = descriptor
        self.request = b""
        self.item_count = 0

    def remove(self) -> None:
        """Delivered, or dropped: the file goes while it is still held, so that nobody delivers it again."""
        with suppress(OSError):
            self._path.unlink()
        self.release()

    def set_aside(self) -> None:
        """Not a request, or refused as none: kept apart, for a person to look at."""
        corrupt = self._path.parent / CORRUPT
        with suppress(OSError):
            corrupt.mkdir(mode=0o700, exist_ok=True)
            self._path.rename(corrupt / self._path.name)
        self.release()
        self._spool.make_room_aside()

    def release(self) -> None:
        """Leaves it for later, or for others."""
        if self._descriptor in self._spool._taken:  # noqa: SLF001 - one class in two halves
            self._spool._taken.discard(self._descriptor)  # noqa: SLF001
            with suppress(OSError):
                os.close(self._descriptor)


def _listed(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names alone, of what may be many
    except OSError:
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _items_in(path: Path) -> int:
    """At least one: what cannot be read any more was a request once."""
    try:
        return max(1, request_bytes.count_items(path.read_bytes()))
    except (OSError, ValueError):
        return 1


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES
