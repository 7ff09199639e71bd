"""Which requests were stored lately, by identity, in bounded memory.

The window is what a client may take to send a request again after it missed the acknowledgement: a day, which
covers a spool that is replayed the next morning, or the last 200,000 requests, whichever is less. That is some 30 MB.
"""

from collections.abc import Mapping
from time import monotonic

from spanhouse_backend.store.rejection import Rejection

WINDOW_SECONDS = 24 * 3600
MAX_IDENTITIES = 200_000


class RecentRequests:
    """Outcomes by identity. Forgets the oldest: those older than WINDOW_SECONDS, and those beyond MAX_IDENTITIES."""

    def __init__(self) -> None:
        self._stored: dict[bytes, tuple[float, Rejection]] = {}  # in order of time

    def add(self, outcomes: Mapping[bytes, Rejection]) -> None:
        """Remembers requests that are stored, the newest last."""
        now = monotonic()
        for identity, rejection in outcomes.items():
            self._stored.setdefault(identity, (now, rejection))
        for oldest in self._forgettable(now):
            del self._stored[oldest]

    def outcome(self, identity: bytes) -> Rejection | None:
        """What the request came to; None when it is not known."""
        known = self._stored.get(identity)
        return known[1] if known else None

    def __len__(self) -> int:
        return len(self._stored)

    def _forgettable(self, now: float) -> list[bytes]:
        excess = len(self._stored) - MAX_IDENTITIES
        gone = []
        for position, (identity, (since, _)) in enumerate(self._stored.items()):
            if position >= excess and now - since <= WINDOW_SECONDS:
                break
            gone.append(identity)
        return gone
