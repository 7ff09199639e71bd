"""How log records look: an event in a few constant words, and fields. One place for ours, uvicorn's, gRPC's, asyncio's.

Everything logs through the standard library (`logger.warning("request refused", extra={"status": 400})`), and structlog
writes it: for people on a terminal, as one JSON object a line for everything else that reads standard error, which is
what Caddy does and what collectors of logs expect. An event that repeats is written ten times a minute; the next
record that is written says how many were not.
"""

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

import structlog

from spanhouse_backend.settings import LogFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import Processor

REPEATS = 10
REPEAT_SECONDS = 60.0
# Events are constants, so there are few; those of other people's libraries may not be.
_MAX_EVENTS = 1000


def is_text(form: LogFormat, stream: TextIO) -> bool:
    """Whether records are written for people."""
    return form == "text" or (form == "auto" and stream.isatty())


def configure_logs(form: LogFormat, level: str) -> None:
    """Sends every record of `level` ("debug" .. "error") and above to standard error, for the whole process."""
    handler = _StandardError()
    handler.setFormatter(_formatter(text=is_text(form, sys.stderr)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the moment (the progress line steps in there), and bounds repetition."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held, so `Repeats` needs none."""
        if self._repeats.admits(record, time.monotonic()):
            self.stream = sys.stderr
            super().emit(record)


class Repeats:
    """Admits REPEATS records of each event in REPEAT_SECONDS. Remembers some hundred bytes an event."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, object], tuple[float, int]] = {}  # since when, and how many

    def admits(self, record: logging.LogRecord, now: float) -> bool:
        """Whether to write it; sets `record.suppressed` when others before it were not."""
        # Unformatted: what differs between two of a kind is in the fields.
        event = (record.name, record.msg if isinstance(record.msg, str) else type(record.msg))
        since, count = self._events.get(event, (now, 0))
        if now - since >= REPEAT_SECONDS:
            if count > REPEATS:
                record.suppressed = count - REPEATS
            since, count = now, 0
        if event not in self._events and len(self._events) >= _MAX_EVENTS:
            self._events.clear()
        self._events[event] = (since, count + 1)
        return count < REPEATS


def _formatter(*, text: bool) -> logging.Formatter:
    shared: Sequence[Processor] = (
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    last: tuple[Processor, ...]
    if text:
        colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        # repr: clients' words must not steer a terminal. No locals in tracebacks: they hold what clients sent.
        console = structlog.dev.ConsoleRenderer(
            colors=colours, repr_native_str=True, exception_formatter=structlog.dev.plain_traceback
        )
        last = (console,)
    else:
        last = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str))
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
