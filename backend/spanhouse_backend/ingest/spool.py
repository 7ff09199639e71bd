"""Requests that clients left on disk because no server answered, taken in as if they had just arrived.

A file `*.otlp` in the spool directory is the bytes of one ExportTraceServiceRequest, renamed into place when whole
(docs/spool.md); requests of the other signals are in folders below it. Whoever delivers a file holds an flock on it
until it is deleted, so that clients that replay their own spool and servers that read it never deliver the same file
twice.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections import deque
from pathlib import Path
from typing import NamedTuple, Self

from spanhouse_backend.errors import MalformedData, SpanhouseError, TooLarge
from spanhouse_backend.ingest.answer import Intake
from spanhouse_backend.ingest.signals import TRACES, Signal
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

SUFFIX = ".otlp"
CORRUPT_FOLDER = "corrupt"
# How often a running server looks: a script's spans should be there when its user asks for them.
WATCH_SECONDS = 2.0
# Read and stored together, so that they share an insert.
_FILES_AT_ONCE = 16
_BYTES_AT_ONCE = 32 << 20
# As long as senders get for requests that are under way when a server stops.
_FINISH_SECONDS = 10.0
# The spool among the senders: it takes its turn as any connection does.
_SENDER = "spool"


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

    def request(self, max_bytes: int) -> bytes:
        """What is in it. Raises MalformedData when that is too large."""
        if self.size > max_bytes:
            raise MalformedData(f"{self.size} bytes are more than a request may have")
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            return file.read()

    def delivered(self) -> None:
        """Deletes the file while it is still locked, then lets go."""
        self.path.unlink(missing_ok=True)
        self.release()

    def set_aside(self, why: SpanhouseError) -> None:
        """Keeps a file that will never be stored for its owner to look at."""
        logger.warning("spool file set aside", extra={"path": str(self.path), "problem": str(why)})
        folder = self.path.parent / CORRUPT_FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(folder / self.path.name)
        self.release()

    def release(self) -> None:
        os.close(self.descriptor)


class SpoolReader:
    """Takes the spool files of one signal in, oldest first (their names begin with the time they were written)."""

    def __init__(
        self, directory: Path, intake: Intake, watcher: Watcher | None = None, signal: Signal = TRACES
    ) -> None:
        """`directory` is the whole spool's."""
        self._directory = directory if signal is TRACES else directory / signal.name
        self._signal = signal
        self._intake = intake
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
        cannot take more now: what is left stays where it is. When cancelled it ends what it has begun first.
        """
        stored = 0
        names = await asyncio.to_thread(self._names)
        while names:
            taken = await asyncio.to_thread(self._claim, names)
            outcomes = await self._deliver_all(taken)
            stored += outcomes.count(True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
        return stored

    def _names(self) -> deque[Path]:
        try:
            return deque(sorted(path for path in self._directory.iterdir() if path.name.endswith(SUFFIX)))
        except FileNotFoundError:
            return deque()

    def _claim(self, names: deque[Path]) -> list[tuple[_Taken, bytes]]:
        """Locks and reads the first of `names`, and takes them out of it; blocks, so it runs on a thread of its own."""
        claimed: list[tuple[_Taken, bytes]] = []
        size = 0
        while names and len(claimed) < _FILES_AT_ONCE and size < _BYTES_AT_ONCE:
            if (taken := _Taken.claim(names.popleft())) is None:
                continue
            try:
                claimed.append((taken, taken.request(self._intake.max_request_bytes)))
                size += taken.size
            except MalformedData as error:
                self._set_aside(taken, error)
        return claimed

    async def _deliver_all(self, claimed: list[tuple[_Taken, bytes]]) -> list[bool | BaseException]:
        """What `_deliver` returned or raised for each.

        A file that is left behind though its records are stored is known again for a day only: who stopped a server
        in that moment and started it after a weekend would find them twice. So cancelling waits for the store, which
        cannot wait for the canceller; and not longer than `_FINISH_SECONDS`, after which every file is released as it
        is.
        """
        delivering = asyncio.gather(*(self._deliver(*one) for one in claimed), return_exceptions=True)
        try:
            return await asyncio.shield(delivering)
        except asyncio.CancelledError:
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(delivering, _FINISH_SECONDS)
            raise

    async def _deliver(self, taken: _Taken, request: bytes) -> bool:
        """True when stored, False when set aside; any other error leaves the file for another time."""
        try:
            with self._intake.admission.claim(_SENDER) as claim:
                claim.hold(len(request))
                await self._intake.take(self._signal, request, claim)
        except (MalformedData, TooLarge) as error:
            self._set_aside(taken, error)
            return False
        except BaseException:
            taken.release()
            raise
        taken.delivered()
        self._watcher.spool_file("stored")
        return True

    def _set_aside(self, taken: _Taken, why: SpanhouseError) -> None:
        taken.set_aside(why)
        self._watcher.spool_file("corrupt")
