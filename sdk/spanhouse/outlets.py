"""What `spanhouse.flush` waits for beside spans: log handlers and event clients, where a program has made some."""

import weakref
from time import monotonic
from typing import Protocol


class Outlet(Protocol):
    """Something with a queue of its own."""

    def flush(self, timeout: float) -> bool:
        """Waits until what was put before is settled; False when `timeout` seconds passed first."""


outlets: weakref.WeakSet[Outlet] = weakref.WeakSet()


def flush_all(give_up: float) -> bool:
    """Flushes each until that `time.monotonic` instant; whether all were done in time."""
    done = True
    for outlet in list(outlets):
        done = outlet.flush(max(0.0, give_up - monotonic())) and done
    return done
