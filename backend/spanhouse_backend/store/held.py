"""Keeping threads busy with waiting, so that for a moment nothing else runs on them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def held(threads: ThreadPoolExecutor, count: int) -> Iterator[None]:
    """Runs the block when all `count` threads of `threads` have ended what they were at; what comes meanwhile waits.

    Each thread is given one task that waits for the others and then for the block to end. The tasks are queued like any
    other and wait for nobody else, and the end of the block, however it ends, releases them wherever they are: so
    nothing is deadlocked, and no thread is lost. Not for a thread of `threads`, nor for two at once. Raises
    RuntimeError when they are shut down.
    """
    all_wait, go_on = threading.Barrier(count + 1), threading.Event()

    def wait() -> None:
        all_wait.wait()
        go_on.wait()

    try:
        for _ in range(count):
            threads.submit(wait)
        all_wait.wait()
        yield
    finally:
        all_wait.abort()
        go_on.set()
