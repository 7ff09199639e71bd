"""What has to be forgotten in a forked child, run once per fork by whichever notices it first.

Usually that is Python's own hook. Where a process forks in C without the hooks, the wiped id batch notices it
(see `ids`) at the first span of the child, or a log handler by the process's id at the first record.
"""

import os
from collections.abc import Callable

from spanhouse_exporter.pipeline import notice_fork

process: int = os.getpid()
"""This process, as far as anybody has noticed."""
_handlers: list[Callable[[], None]] = []


def on_fork(handler: Callable[[], None]) -> None:
    """Runs `handler` in every forked child from now on."""
    _handlers.append(handler)


def run_handlers() -> None:
    """Runs all handlers of this package."""
    global process  # noqa: PLW0603 - a process is one
    process = os.getpid()
    for handler in _handlers:
        handler()


def noticed_late() -> None:
    """This process is a fork, and nobody has said so."""
    notice_fork()
    run_handlers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=run_handlers)
