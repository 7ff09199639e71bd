"""The ends of a process that Python's `atexit` does not see.

Children of `multiprocessing` and of billiard, and Celery's prefork workers, leave through `os._exit` after running
their own finalizers: the last items are delivered there. It is asked for by the first item of each process, because a
child forgets the finalizers of its parent. SIGTERM ends a program that has no handler for it; one can be asked for.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_EARLY = 100
"""Before the finalizers of the host's own queues and managers."""


class Ending(Protocol):
    """What has something left to do when a process ends."""

    exit_seconds: float

    def shutdown(self, timeout: float, /) -> bool:
        """Does it, within `timeout` seconds."""


def before_exit(ending: Ending) -> None:
    """Has `ending` shut down when this process ends, if it is one that skips `atexit`. Never raises."""
    alive = weakref.ref(ending)

    def end(**_signal: Any) -> None:
        found = alive()
        if found is not None:
            found.shutdown(found.exit_seconds)

    # Only what the host has loaded itself: whoever forks with these has imported them.
    for name in ("multiprocessing", "billiard"):
        process, util = sys.modules.get(f"{name}.process"), sys.modules.get(f"{name}.util")
        with suppress(Exception):
            if process is not None and util is not None and _is_child(process):
                util.Finalize(None, end, exitpriority=_EARLY)
    with suppress(Exception):
        signals = sys.modules.get("celery.signals")
        if signals is not None:
            signals.worker_process_shutdown.connect(end, weak=False)


def deliver_on_sigterm(deliver: Callable[[], None]) -> None:
    """Has SIGTERM call `deliver` before it ends the process, unless the program handles it itself.

    Concurrency: the handler runs in the main thread between any two steps, whatever locks that holds; so it only starts
    a thread, which delivers while the main thread runs on, and then ends the process by the same signal.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not _on_sigterm:
        if threading.current_thread() is not threading.main_thread() or handler != signal.SIG_DFL:
            return
        signal.signal(signal.SIGTERM, _on_sigterm)
    if deliver not in _deliveries:
        _deliveries.append(deliver)


_deliveries: list[Callable[[], None]] = []
"""What SIGTERM calls."""


def _on_sigterm(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    try:
        threading.Thread(target=_deliver_and_end, name="spanhouse-sigterm", daemon=True).start()
    except RuntimeError:
        _signal_itself()


def _deliver_and_end() -> None:
    for deliver in _deliveries:
        with suppress(Exception):
            deliver()
    _signal_itself()


def _signal_itself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _is_child(process: Any) -> bool:
    """The parent's own end is seen by `atexit`."""
    return getattr(process.current_process(), "_parent_pid", None) is not None
