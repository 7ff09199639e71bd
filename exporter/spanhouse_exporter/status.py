"""What became of every span or log record that was handed over: the numbers, and the words for why some were lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

QUEUE_FULL: Final = "queue_full"
"""The backend was slower than the program for longer than the queue could hold."""
ENCODING_FAILED: Final = "encoding_failed"
"""An item of another make that is not what it should be."""
EXPORT_FAILED: Final = "export_failed"
"""The receiver refused the request, or could not be reached and there is no spool."""
REJECTED: Final = "rejected"
"""The receiver took the request and refused some of its items."""
TOO_LARGE: Final = "too_large"
"""A single item beyond what a request may be, or beyond what the receiver takes."""
SPOOL_FAILED: Final = "spool_failed"
"""The backend was away and the spool could not be written."""
SPOOL_FULL: Final = "spool_full"
"""Spooled, by this process or another, and dropped to make room for newer ones."""
SHUTDOWN: Final = "shutdown"
"""Still waiting when the process had to end, or finished after `shutdown`."""


@dataclass(frozen=True)
class ExporterStatus:
    """Counts of spans, or of log records, since the process started (a forked child starts at zero)."""

    queued: int = 0
    """Finished, not yet acknowledged."""
    exported: int = 0
    """Acknowledged by the receiver."""
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Lost, by reason: the constants of this module."""
    requests: int = 0
    """Requests acknowledged."""
    failed_requests: int = 0
    """Requests given up."""
    spooled: int = 0
    """Written to the spool because the receiver was away; not lost, and not counted as exported."""
    replayed: int = 0
    """Delivered out of the spool by this process, whichever process had put them there."""

    @property
    def failed(self) -> int:
        """All lost items, whatever the reason."""
        return sum(self.dropped.values())


class Flow(NamedTuple):
    """The same items as they pass the two halves of a pipeline, its processor and its exporter, for metrics of each."""

    queued: int
    """Not yet handed to the exporting half."""
    capacity: int | None
    """How many that may be; None where bytes are the bound."""
    processed: int
    """Handed to the exporting half."""
    refused: Mapping[str, int]
    """Never handed over, by reason."""
    in_flight: int
    """Handed over, and neither delivered, spooled nor lost."""
    exported: int
    """Delivered, also out of the spool."""
    failed: Mapping[str, int]
    """Lost by the exporting half, by reason."""
