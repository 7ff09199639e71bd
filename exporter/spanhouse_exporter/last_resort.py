"""Standard error, for news about the export of logs that nobody would show otherwise.

A program may have no handler but OpenTelemetry's, or ours. That one brings records to the exporter, which does not send
what it has caused itself, and keeps Python's own last resort from being used.
"""

import logging


class LastResort(logging.Handler):
    """Writes warnings as `logging.lastResort` does, where all other handlers on their way export too.

    Concurrency: called under this handler's own lock, which is held for one line to standard error; nothing that is
    done under it logs.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record, or leaves it to the program's handlers."""
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not self._others(record.name):
            last.handle(record)

    def _others(self, name: str) -> bool:
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(handler is not self and not _exports(handler) for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def show_on(logger: logging.Logger) -> None:
    """Gives `logger` a last resort, once."""
    if not any(isinstance(handler, LastResort) for handler in logger.handlers):
        logger.addHandler(LastResort())


def _exports(handler: logging.Handler) -> bool:
    return type(handler).__module__.startswith(("opentelemetry.", "spanhouse."))
