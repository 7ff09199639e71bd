"""What the store, the ingest path and the rules tell whoever watches them.

They report facts by calling a Watcher and know nothing of who listens; metrics.py is what listens in a server. Records
are spans, log records or data points, as the signal's name (traces, logs, metrics) says. Calls come from the event loop
and from the store's threads, take a microsecond or two, never block and never raise.
"""

from collections.abc import Mapping


class Watcher:
    """Hears and forgets. What wants to know overrides what it wants to know."""

    def received(self, signal: str, records: int) -> None:
        """A request of `records` records was accepted and waits to be stored."""

    def inserted(self, signal: str, requests: int, records: int, size_bytes: int, seconds: float) -> None:
        """One insert succeeded: a group of requests, records that are stored now, bytes of OTLP, time it took."""

    def rejected(self, signal: str, records: int, reason: str) -> None:
        """Records of one stored request were refused; `reason` is that of most of them."""

    def repeated(self) -> None:
        """A request was answered with the outcome of the first time it was sent."""

    def recovered(self, requests: int, records: Mapping[str, int]) -> None:
        """An insert that failed half-way was finished.

        `records`, by signal, were not reported as inserted and are stored.
        """

    def engine_failed(self, code: str) -> None:
        """The engine or the disk refused; `code` is ClickHouse's error code, or the name of an errno."""

    def spool_file(self, outcome: str) -> None:
        """A file of the spool was `stored`, or was `corrupt` and set aside."""

    def judged(self, outcome: str) -> None:
        """A rule was judged: `breach`, `well`, `unknown`, or it `failed`; or a `report` was made."""

    def told(self, webhook: str, *, good: bool) -> None:
        """A webhook was told of something, or could not be."""

    def rules_read(self, *, good: bool) -> None:
        """The file of rules was read; not `good`: it could not be used, and what it said before is in force."""
