"""Files that are read again when they change, so that a token or a certificate is changed without a restart.

What cannot be used is logged once, and the last contents that could stay in force: a mistake in an editor closes no
door and opens none.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from spanhouse_backend.errors import SettingsError

logger = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS = 1.0


class Reloading(Generic[T]):
    """What `load` makes of `paths`, in `current`; `watch` keeps it so. `load` raises SettingsError, here and later.

    `current` is replaced as a whole by one assignment, so threads may read it without a lock.
    """

    def __init__(self, load: Callable[[], T], paths: Sequence[Path]) -> None:
        self._load = load
        self._paths = paths
        # Looked at before the contents are read: what is written meanwhile looks like a change, and is read again.
        self._seen = self._look()
        self.current = load()

    async def watch(self) -> None:
        """Looks every POLL_SECONDS until it is cancelled; on a thread, since a disk may be slow."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await asyncio.to_thread(self._check)
            except Exception:
                # A bug of ours: what is in force stays so, and the next change may be read.
                logger.exception("cannot read again: %s", ", ".join(map(str, self._paths)))

    def _check(self) -> None:
        found = self._look()
        if found == self._seen:
            return
        self._seen = found
        try:
            self.current = self._load()
        except SettingsError as error:
            logger.error("%s; what it said before is still in force", error)  # noqa: TRY400 - the text says it all
        else:
            logger.info("read again: %s", ", ".join(map(str, self._paths)))

    def _look(self) -> list[tuple[int, ...]]:
        return [_signature(path) for path in self._paths]


def _signature(path: Path) -> tuple[int, ...]:
    """What differs when a file is replaced, written or made readable; the file that a link leads to counts."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
