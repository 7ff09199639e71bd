"""Sessions of browsers: what stands in a cookie for a token that its owner has shown once.

A session's id is 256 random bits and says nothing of the token. It is known to this process only, stands for the token
as long as the token is in force as it was, and for SESSION_SECONDS at most. What is kept of it is its SHA-256, like a
token's.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from spanhouse_backend.access.tokens import Holder, Tokens

SESSION_SECONDS = 12 * 3600.0
"""A working day, after which the token has to be shown again."""
MAX_SESSIONS = 1000
"""Of all tokens together: beyond it the oldest one ends."""
_ID_BYTES = 32


class _Session(NamedTuple):
    name: str
    digest: bytes
    ends: float


class Sessions:
    """For one event loop: it needs no lock. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # The oldest first: all last equally long, so that is also the order in which they end.
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()

    def begin(self, holder: Holder) -> str:
        """The id of a new session of this token."""
        self._forget_ended()
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.popitem(last=False)
        identity = secrets.token_urlsafe(_ID_BYTES)
        self._sessions[_key(identity)] = _Session(holder.name, holder.digest, self._clock() + SESSION_SECONDS)
        return identity

    def holder(self, identity: str, tokens: Tokens) -> Holder | None:
        """Whose session this is, with the roles that he has now; None when there is none, or its token is gone."""
        self._forget_ended()
        session = self._sessions.get(_key(identity))
        if session is None:
            return None
        holder = tokens.holders.get(session.name)
        if holder is None or holder.digest != session.digest:
            self.end(identity)
            return None
        return holder

    def end(self, identity: str) -> None:
        """It is over, if there was one."""
        self._sessions.pop(_key(identity), None)

    def _forget_ended(self) -> None:
        now = self._clock()
        while self._sessions and next(iter(self._sessions.values())).ends <= now:
            self._sessions.popitem(last=False)


def _key(identity: str) -> bytes:
    return hashlib.sha256(identity.encode()).digest()
