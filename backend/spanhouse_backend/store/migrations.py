"""The steps from one schema version to the next, oldest first, and only forward.

Version 1 is that of directories without spanhouse_migrations. A step is statements that change stored tables; each is
safe to run again, because a process that is killed in the middle runs the whole step once more, and leaves tables
that have the newest form already as they are. Tables that a version adds need no step: they are made when missing.
"""

from typing import NamedTuple

from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.schema import checksum, query_text


class Migration(NamedTuple):
    """The step to `version` from the one before; each statement may take its time, and is then spoken of."""

    version: int
    name: str
    statements: tuple[str, ...]

    @property
    def checksum(self) -> str:
        """What was run, for whoever wonders years later."""
        return checksum("\n".join(self.statements))


_LONGER_MEMORY = tuple(
    written_out(query_text("migrations/0003_longer_memory.sql"), {"table": table})
    for table in (
        "otel_traces",
        "otel_traces_trace_id_ts",
        "span_durations_1m",
        "span_durations_1h",
        "span_stats_1m",
        "span_stats_1h",
        "spanhouse_rejected",
    )
)
MIGRATIONS = (
    Migration(2, "unmarked_views", (query_text("migrations/0002_unmarked_views.sql"),)),
    Migration(3, "shared_database", (query_text("migrations/0003_known_requests.sql"), *_LONGER_MEMORY)),
    Migration(4, "signals", (query_text("migrations/0004_rejected_of_all_signals.sql"),)),
)
