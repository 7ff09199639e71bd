"""The floor under the free space: spans are refused while there is still room for what was accepted to settle.

A disk that is really full leaves inserts half-way, merges undone and no room to clean up in. The engine needs room to
merge parts even when nothing comes in, so writing stops earlier, at a floor.
"""

import shutil
from pathlib import Path

from spanhouse_backend.errors import StoreUnavailable

_MIB = 1024 * 1024


class Space:
    """The disk that `directory` is on, and how much of it has to stay free."""

    def __init__(self, directory: Path, min_free_bytes: int) -> None:
        self._directory = directory
        self._min_free_bytes = min_free_bytes

    def free_bytes(self) -> int:
        """What this user may still write, as the file system says (statvfs's f_bavail). Raises OSError."""
        return shutil.disk_usage(self._directory).free

    def require(self) -> None:
        """Raises StoreUnavailable while less than the floor is free. Costs a system call, some microseconds."""
        try:
            free = self.free_bytes()
        except OSError as error:
            raise StoreUnavailable(f"the data directory's disk does not answer: {error.strerror or error}") from error
        if free < self._min_free_bytes:
            raise StoreUnavailable(
                f"the data directory's disk has {free // _MIB} MiB left, and nothing is stored below "
                f"{self._min_free_bytes // _MIB} MiB (--min-free-bytes); queries go on"
            )
