"""Keeping threads busy with waiting."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import PATIENCE_SECONDS

from spanhouse_backend.store.held import held


def test_nothing_runs_on_the_threads_while_they_are_held():
    """What ran has ended when the block begins, and what is submitted meanwhile runs after it, on every thread."""
    seen: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def long():
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)
        seen.append("before")

    with ThreadPoolExecutor(2) as threads:
        threads.submit(long)
        assert begun.wait(PATIENCE_SECONDS)
        threading.Timer(0.05, go_on.set).start()
        with held(threads, 2):
            later = [threads.submit(seen.append, "after") for _ in range(2)]
            seen.append("held")
        for future in later:
            future.result(PATIENCE_SECONDS)
    assert seen == ["before", "held", "after", "after"]


def test_threads_are_let_go_when_the_block_fails_or_cannot_begin():
    """An error in the block, or threads that are shut down, leave no thread waiting."""
    threads = ThreadPoolExecutor(2)
    with pytest.raises(ZeroDivisionError), held(threads, 2):
        _ = 1 / 0
    assert threads.submit(lambda: "free").result(PATIENCE_SECONDS) == "free"
    threads.shutdown()
    with pytest.raises(RuntimeError), held(threads, 2):
        pytest.fail("the block ran")
