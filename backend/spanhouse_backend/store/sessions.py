"""Connections that outlive a statement, by name: what a client's session_id is for, which is its temporary tables."""

import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import chdb

from spanhouse_backend.errors import StatementFailed

MAX_SESSIONS = 32
_SESSION_IS_LOCKED = 373


class _Session(NamedTuple):
    connection: Any
    expires: float


class Sessions:
    """Connections to the engine at `path`, each used by one statement at a time.

    The lock is held to look at or change who has what, never while a statement runs: nobody waits for it. A connection
    is either in use, and then its user gives it back or drops it, or kept here until it expires, gives way to another
    or all are closed; so none leaks.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._in_use: set[str] = set()
        # The one that was used last is at the end.
        self._kept: OrderedDict[str, _Session] = OrderedDict()

    def take(self, name: str) -> Any:
        """The session's connection, a new one if there is none. Raises StatementFailed while another has it."""
        with self._lock:
            self._close_expired()
            if name in self._in_use:
                raise StatementFailed(f"Session {name[:100]} is locked by a concurrent client", _SESSION_IS_LOCKED)
            self._in_use.add(name)
            session = self._kept.pop(name, None)
        try:
            return session.connection if session else chdb.connect(self._path)  # type: ignore[no-untyped-call]
        except BaseException:
            self.drop(name)
            raise

    def give_back(self, name: str, connection: Any, seconds: float) -> None:
        """Keeps it for whoever comes within `seconds`."""
        with self._lock:
            self._in_use.discard(name)
            self._kept[name] = _Session(connection, time.monotonic() + seconds)
            if len(self._kept) > MAX_SESSIONS:
                _, oldest = self._kept.popitem(last=False)
                oldest.connection.close()

    def drop(self, name: str) -> None:
        """The session ends; its user has closed the connection."""
        with self._lock:
            self._in_use.discard(name)

    def close(self) -> None:
        """Closes what is kept."""
        with self._lock:
            for session in self._kept.values():
                session.connection.close()
            self._kept.clear()

    def _close_expired(self) -> None:
        now = time.monotonic()
        for name in [name for name, session in self._kept.items() if session.expires < now]:
            self._kept.pop(name).connection.close()
