"""Requests that clients left on disk because no server answered, taken in as if they had just arrived.

A file `*.otlp` in the spool directory is the bytes of one ExportTraceServiceRequest, renamed into place when whole
(docs/spool.md). Whoever delivers it holds an flock on it until it is deleted, so that clients that replay their own
spool and servers that read it never deliver the same file twice.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Self

from spanhouse_backend.errors import MalformedData, SpanhouseError
from spanhouse_backend.ingest.framing import Framed, frame
from spanhouse_backend.store.rejection import Rejection
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

SUFFIX = ".otlp"
CORRUPT_FOLDER = "corrupt"
# How often a running server looks: a script's spans should be there when its user asks for them.
WATCH_SECONDS = 2.0
# Read and stored together, so that they share an insert.
_FILES_AT_ONCE = 16


class _Taken(NamedTuple):
    """A spool file that is ours: nobody else delivers it while `descriptor` is open."""

    path: Path
    descriptor: int
    size: int

    @classmethod
    def claim(cls, path: Path) -> Self | None:
        """Locks the file; None when somebody else has it, or has just delivered it."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            # LOCK_NB: nothing waits, so nothing deadlocks; the lock ends with the descriptor, so none is left behind.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            opened, named = os.fstat(descriptor), path.lstat()
        except OSError:
            os.close(descriptor)
            return None
        if (opened.st_dev, opened.st_ino) != (named.st_dev, named.st_ino):
            os.close(descriptor)
            return None
        return cls(path, descriptor, opened.st_size)

    def framed(self, max_bytes: int) -> Framed:
        """The request, framed. Raises MalformedData when it is not a whole one, or too large."""
        if self.size > max_bytes:
            raise MalformedData(f"{self.size} bytes are more than a request may have")
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            return frame(file.read())

    def delivered(self) -> None:
        """Deletes the file while it is still locked, then lets go."""
        self.path.unlink(missing_ok=True)
        self.release()

    def set_aside(self, why: MalformedData) -> None:
        """Keeps a file that will never be stored for its owner to look at."""
        logger.warning("spool file set aside", extra={"path": str(self.path), "problem": str(why)})
        folder = self.path.parent / CORRUPT_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(folder / self.path.name)
        self.release()

    def release(self) -> None:
        os.close(self.descriptor)


class SpoolReader:
    """Takes spool files in, oldest first (their names begin with the time they were written)."""

    def __init__(
        self,
        directory: Path,
        commit: Callable[[Framed], Awaitable[Rejection]],
        max_request_bytes: int,
        watcher: Watcher | None = None,
    ) -> None:
        self._directory = directory
        self._commit = commit
        self._max_request_bytes = max_request_bytes
        self._watcher = watcher or Watcher()

    async def watch(self) -> None:
        """Takes in what is there and what comes, until cancelled."""
        while True:
            try:
                await self.take_in()
            except (OSError, SpanhouseError) as error:
                logger.warning("spool not taken in", extra={"path": str(self._directory), "problem": str(error)})
            await asyncio.sleep(WATCH_SECONDS)

    async def take_in(self) -> int:
        """Stores every file that nobody else has taken; how many were stored.

        A file that is no whole request is set aside in `corrupt/`. Raises StoreUnavailable or Overloaded when the store
        cannot take more now: what is left stays where it is.
        """
        stored = 0
        names = await asyncio.to_thread(self._names)
        for first in range(0, len(names), _FILES_AT_ONCE):
            taken = await asyncio.to_thread(self._claim, names[first : first + _FILES_AT_ONCE])
            outcomes = await asyncio.gather(*(self._deliver(*one) for one in taken), return_exceptions=True)
            stored += outcomes.count(True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        return stored

    def _names(self) -> list[Path]:
        try:
            return sorted(path for path in self._directory.iterdir() if path.name.endswith(SUFFIX))
        except FileNotFoundError:
            return []

    def _claim(self, paths: list[Path]) -> list[tuple[_Taken, Framed]]:
        """Locks and reads what can be; blocks, so it runs on a thread of its own."""
        claimed = []
        for path in paths:
            if (taken := _Taken.claim(path)) is None:
                continue
            try:
                claimed.append((taken, taken.framed(self._max_request_bytes)))
            except MalformedData as error:
                self._set_aside(taken, error)
        return claimed

    async def _deliver(self, taken: _Taken, framed: Framed) -> bool:
        """True when stored, False when set aside; any other error leaves the file for another time."""
        try:
            await self._commit(framed)
        except MalformedData as error:
            self._set_aside(taken, error)
            return False
        except BaseException:
            taken.release()
            raise
        taken.delivered()
        self._watcher.spool_file("stored")
        return True

    def _set_aside(self, taken: _Taken, why: MalformedData) -> None:
        taken.set_aside(why)
        self._watcher.spool_file("corrupt")
