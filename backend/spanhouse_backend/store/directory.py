"""Whose the data directory is: one process at a time, told apart by a lock that dies with its holder.

The embedded engine allows one process per directory and says nothing useful when a second one comes, so we
take an flock on a file of our own first. The file holds the holder's process id and addresses, which is what
the second process needs to tell its user.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Self

from spanhouse_backend.errors import StoreHeld, StoreUnusable

LOCK_NAME = "spanhouse.lock"


class DirectoryLock:
    """Exclusive use of a data directory until `release`, or until the process ends however it ends.

    The kernel drops an flock with its last descriptor, so a killed holder cannot leave the directory locked; and
    nothing waits for the lock (LOCK_NB), so it cannot deadlock.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / LOCK_NAME
        self._descriptor = -1

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Makes `directory` if needed and locks it.

        Raises StoreHeld naming the holder, StoreUnusable when the directory cannot be made, read or written.
        """
        lock = cls(directory)
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock._descriptor = os.open(lock.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            next(directory.iterdir())  # the lock file at least: can it be listed?
        except OSError as error:
            raise StoreUnusable(
                f"cannot use the data directory {directory}: {error.strerror or error}; "
                "choose another with --data, or mend its owner and permissions"
            ) from error
        try:
            fcntl.flock(lock._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = lock._read()
            os.close(lock._descriptor)
            pid = holder.get("pid")
            raise StoreHeld(
                _held_message(directory, holder), str(holder.get("grpc", "")), pid if isinstance(pid, int) else 0
            ) from error
        lock.publish({})
        return lock

    def publish(self, addresses: dict[str, str]) -> None:
        """Tells later comers where this process answers; `addresses` by protocol name, as clients write them."""
        text = json.dumps({"pid": os.getpid(), **addresses}).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def release(self) -> None:
        """Gives the directory up; the file stays, since removing it would race with the next holder."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(os.pread(self._descriptor, 4096, 0))
        except ValueError:  # the holder is between truncating and writing
            return {}
        return found if isinstance(found, dict) else {}


def _held_message(directory: Path, holder: dict[str, object]) -> str:
    who = f"process {holder['pid']}" if "pid" in holder else "another process"
    message = f"the data directory {directory} is in use by {who}"
    if "grpc" in holder:
        message += f"; ask that one instead: spanhouse top --server {holder['grpc']} (REST: {holder['http']})"
    return f"{message}, or choose another directory with --data"
