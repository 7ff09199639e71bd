"""Our own log lines at a bounded rate: a receiver that is away for a day must not fill a disk with that news.

Repeated news of one kind is written once a minute, with the number of times it was kept back. That also ends any
loop between logging and exporting.
"""

import logging
from collections.abc import Callable
from time import monotonic

_PAUSE_SECONDS = 60.0


class Notices:
    """Log lines of one exporter.

    Concurrency: an entry is replaced whole; two threads with the same news at the same instant may both write it.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def warning(self, kind: str, message: str, *args: object, error: BaseException | None = None) -> None:
        """Logs `message` and the traceback of `error`, unless news of this `kind` was logged within the last minute."""
        self._log(logging.WARNING, kind, message, args, error)

    def info(self, kind: str, message: str, *args: object) -> None:
        """The same for what costs nobody an item."""
        self._log(logging.INFO, kind, message, args, None)

    def _log(self, level: int, kind: str, message: str, args: tuple[object, ...], error: BaseException | None) -> None:
        now = self._clock()
        since, kept_back = self._kinds.get(kind, (-_PAUSE_SECONDS, 0))
        if now - since < _PAUSE_SECONDS:
            self._kinds[kind] = (since, kept_back + 1)
            return
        self._kinds[kind] = (now, 0)
        if kept_back:
            message += f" ({kept_back} more like this were not logged)"
        self._logger.log(level, message, *args, exc_info=error)
