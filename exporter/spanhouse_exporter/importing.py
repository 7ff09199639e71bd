"""Imports on the worker thread that a fork must not cut in half.

A module that was half imported by another thread when the process forked stays half a module in the child for
ever. The worker imports gRPC (which imports more when a channel is opened) and resource detectors just when a
program may fork early, so a fork waits for that: a fraction of a second, and never longer than the limit.
"""

import logging
import os
import threading

_logger = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS = 5.0

importing: threading.RLock = threading.RLock()
"""Held by the worker while it imports, and by a thread from before until after it forks.

Concurrency: reentrant, so that the thread that forks releases in parent and child what it took itself.
"""
_held = threading.local()


def _before_fork() -> None:
    _held.taken = importing.acquire(timeout=_LONGEST_WAIT_SECONDS)
    if not _held.taken:
        _logger.warning("spanhouse: importing gRPC takes long; the forked process may not export")


def _after_fork() -> None:
    if getattr(_held, "taken", False):
        _held.taken = False
        importing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
