"""What has to be forgotten in a forked child, run once per fork by whichever notices it first.

Usually that is Python's own hook. Where a process forks in C without the hooks, the wiped id batch notices it
(see `ids`), at the first span of the child.
"""

import os
from collections.abc import Callable

from spanhouse_exporter import after_fork_in_child

_handlers: list[Callable[[], None]] = []


def on_fork(handler: Callable[[], None]) -> None:
    """Runs `handler` in every forked child from now on."""
    _handlers.append(handler)


def run_handlers() -> None:
    """Runs all handlers of this package."""
    for handler in _handlers:
        handler()


def noticed_late() -> None:
    """This process is a fork, and nobody has said so."""
    after_fork_in_child()
    run_handlers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=run_handlers)
