"""Which requests were stored lately, by identity, in bounded memory.

The window is what a client may take to send a request again after it missed the acknowledgement: a day, which
covers a spool that is replayed the next morning, or the last 200,000 requests, whichever is less. That is some 30 MB.
"""

from collections.abc import Iterable
from time import monotonic

WINDOW_SECONDS = 24 * 3600
MAX_IDENTITIES = 200_000


class RecentIdentities:
    """A set that forgets its oldest members: those older than WINDOW_SECONDS, and those beyond MAX_IDENTITIES."""

    def __init__(self) -> None:
        self._since: dict[bytes, float] = {}  # in order of time

    def add(self, identities: Iterable[bytes]) -> None:
        """Remembers requests that are stored, the newest last."""
        now = monotonic()
        for identity in identities:
            self._since.setdefault(identity, now)
        for oldest in self._forgettable(now):
            del self._since[oldest]

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._since

    def __len__(self) -> int:
        return len(self._since)

    def _forgettable(self, now: float) -> list[bytes]:
        excess = len(self._since) - MAX_IDENTITIES
        gone = []
        for position, (identity, since) in enumerate(self._since.items()):
            if position >= excess and now - since <= WINDOW_SECONDS:
                break
            gone.append(identity)
        return gone
