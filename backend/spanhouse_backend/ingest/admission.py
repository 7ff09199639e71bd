"""Who may hold how much memory: every request holds bytes from its first piece until it is stored and answered.

A budget of bytes is shared by all that is being received and all that waits. One connection's requests together may
hold as much as they leave free: a single flood is stopped at half of the budget, two at a third each, and there is
always room for somebody who comes with little (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
packet switches", 1998). Who is refused hears when to come again: later the more are waiting, and not all at once.
"""

import random
from time import monotonic
from types import TracebackType
from typing import Self

from spanhouse_backend.errors import Overloaded

MIN_CLAIM_BYTES = 16 * 1024
"""What the smallest request holds: its task, its call and its headers, not only its bytes."""
MAX_RETRY_SECONDS = 30.0
_MIN_RETRY_SECONDS = 1.0
# Of the delay, at random, so that those who were refused together do not return together.
_JITTER = 0.5
# Nobody is told to wait as if less than this were stored in a second, however slow the first insert is.
_MIN_BYTES_PER_SECOND = 1 << 20


class Admission:
    """A budget of `max_bytes`. For one event loop: it needs no lock, and nothing ever waits for it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: dict[str, int] = {}  # by sender; nobody is in it who holds nothing
        self._held_bytes = 0
        self._busy_since = 0.0
        self._given_back = 0  # since then
        self._promised_until = 0.0  # when all who were refused will have been told to come again

    @property
    def held_bytes(self) -> int:
        """What all requests hold now."""
        return self._held_bytes

    def claim(self, sender: str) -> "Claim":
        """What a request of `sender` (a connection's name) is about to hold: nothing yet."""
        return Claim(self, sender)

    def change(self, claim: "Claim", total: int) -> None:
        """Lets a claim hold `total` bytes. Raises Overloaded when that is more than there is for it."""
        total = max(total, min(MIN_CLAIM_BYTES, self._max_bytes)) if total else 0
        more = total - claim.held_bytes
        own = self._held.get(claim.sender, 0)
        free = self._max_bytes - self._held_bytes
        # A sender's only request may take all that is free: the largest must be possible.
        if more > 0 and (more > free or (own > claim.held_bytes and own + more > free)):
            raise Overloaded(
                f"{self._held_bytes} bytes of requests are waiting to be stored ({own} of them yours), "
                f"and {self._max_bytes} may",
                self._retry_seconds(more),
            )
        self._account(more)
        if own + more:
            self._held[claim.sender] = own + more
        else:
            self._held.pop(claim.sender, None)
        claim.held_bytes = total

    def _account(self, more: int) -> None:
        if not self._held_bytes:
            self._busy_since, self._given_back = monotonic(), 0
        self._held_bytes += more
        self._given_back += max(0, -more)

    def _retry_seconds(self, refused_bytes: int) -> float:
        """When there may be room: after what is held now, and after those who were told to come before this one."""
        now = monotonic()
        rate = max(_MIN_BYTES_PER_SECOND, self._given_back / max(1.0, now - self._busy_since))
        self._promised_until = max(self._promised_until, now) + refused_bytes / rate
        # Bounded here too: after a long flood nobody should be sent away for what its senders have given up.
        self._promised_until = min(self._promised_until, now + MAX_RETRY_SECONDS)
        wait = self._held_bytes / rate + self._promised_until - now
        return min(MAX_RETRY_SECONDS, max(_MIN_RETRY_SECONDS, wait) * random.uniform(1, 1 + _JITTER))  # noqa: S311


class Claim:
    """What one request holds of the budget: given back when the last of its holders lets go.

    The door that received it holds it, and from `keep` on the queue too: whichever is done first, the bytes stay
    counted for as long as they are in memory, and each holder lets go exactly once.
    """

    def __init__(self, admission: Admission, sender: str) -> None:
        self._admission = admission
        self._holders = 1
        self.sender = sender
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Holds so many bytes more. Raises Overloaded when there is not that much for it."""
        self._admission.change(self, self.held_bytes + count)

    def hold(self, total: int) -> None:
        """Holds so many bytes in all, whatever it held. Raises Overloaded when there is not that much for it."""
        self._admission.change(self, total)

    def keep(self) -> None:
        """Adds a holder, who has to `release` it."""
        self._holders += 1

    def release(self) -> None:
        """Lets go."""
        self._holders -= 1
        if not self._holders:
            self._admission.change(self, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
