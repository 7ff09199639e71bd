"""Which answers are worth another attempt, and how long to wait for it.

OTLP, "Failures" and "OTLP/gRPC Throttling". Waits are drawn from the whole range up to a ceiling that doubles ("full
jitter"), so that clients which failed together do not come back together.
"""

import random
import re
from typing import NamedTuple

OK = "OK"
INVALID = "INVALID_ARGUMENT"
UNIMPLEMENTED = "UNIMPLEMENTED"
UNUSABLE = "UNUSABLE"
"""No status of gRPC's: gRPC itself cannot be used in this process, and will not be later."""
_RETRYABLE = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"))
_FIRST_CEILING_SECONDS, _HIGHEST_CEILING_SECONDS = 0.2, 30.0
_LEAST_SECONDS = 0.02
_CHANCE = random.SystemRandom()
"""Not the module's own: a host that seeds that draws the numbers it would draw without us, in whichever thread."""
_TOO_LARGE = re.compile(r"larger than|exceeds? (the )?max", re.IGNORECASE)
"""How gRPC's implementations (and our server) put it; the code alone may also mean a quota or an overload."""


class Answer(NamedTuple):
    """How one attempt ended."""

    code: str
    """The name of a gRPC status code, or `UNUSABLE`."""
    response: bytes = b""
    message: str = ""
    """The receiver's words; for the log."""
    retry_delay: float | None = None
    """Seconds, where the receiver sent RetryInfo."""

    @property
    def retryable(self) -> bool:
        """Whether the same bytes may be sent again."""
        return self.code in _RETRYABLE or (self.code == "RESOURCE_EXHAUSTED" and self.retry_delay is not None)

    @property
    def too_large(self) -> bool:
        """Whether half of the request might be taken."""
        return self.code == "RESOURCE_EXHAUSTED" and self.retry_delay is None and bool(_TOO_LARGE.search(self.message))


class Backoff:
    """The waits between the attempts at one request, or at one receiver."""

    def __init__(self, first: float = _FIRST_CEILING_SECONDS) -> None:
        self._ceiling = first

    def next_wait(self, retry_delay: float | None = None) -> float:
        """Seconds to wait, at least `retry_delay`; each call may wait longer."""
        least = retry_delay or 0.0
        ceiling = max(self._ceiling, min(least, _HIGHEST_CEILING_SECONDS))
        self._ceiling = min(2 * ceiling, _HIGHEST_CEILING_SECONDS)
        return max(_LEAST_SECONDS, least + _CHANCE.uniform(0, ceiling))
