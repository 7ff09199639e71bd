"""Signal handlers that interrupt our own steps, in real processes: spans are neither lost nor counted twice."""

import signal
import subprocess
import sys

import pytest
from harness import clean_environment
from otlp_receiver import receiving

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")

HEAD = """
import signal, sys, threading, time
import spanhouse

@spanhouse.capture
def work():
    pass

SECONDS = 3
ENOUGH = 100
interrupted = attempted = returned = 0

def burst():
    global attempted, returned
    # A machine that is busy with other things interrupts late: long enough is until there were enough of them.
    while time.monotonic() < end or interrupted <= ENOUGH:
        attempted += 1
        work()
        returned += 1

work()
spanhouse.flush(20)
"""
RAISING = """
class Interrupted(BaseException):
    pass

def on_alarm(number, frame):
    while frame is not None:
        if frame.f_code is burst.__code__:
            raise Interrupted
        frame = frame.f_back

signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
end = time.monotonic() + SECONDS
while time.monotonic() < end or interrupted <= ENOUGH:
    try:
        burst()
    except Interrupted:
        interrupted += 1
signal.setitimer(signal.ITIMER_REAL, 0)
"""
FLUSHING = """
ENOUGH = 20

def on_alarm(number, frame):
    global interrupted
    interrupted += 1
    other = threading.Thread(target=lambda: [work() for _ in range(600)])
    other.start()
    other.join()
    if interrupted % 10 == 0:
        assert spanhouse.flush(20)
    signal.setitimer(signal.ITIMER_REAL, 0.0013)

signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001)
end = time.monotonic() + SECONDS
burst()
signal.signal(signal.SIGALRM, signal.SIG_IGN)
attempted += 600 * interrupted
returned += 600 * interrupted
"""
ADDING_UP = """
from spanhouse import histogram

count_into = histogram.count_into

def interrupted_count_into(buckets, durations):
    if threading.current_thread() is threading.main_thread() and not interrupted:
        signal.raise_signal(signal.SIGALRM)
    count_into(buckets, durations)

def on_alarm(number, frame):
    global interrupted
    interrupted += 1
    # So many that the thread adds up as well.
    other = threading.Thread(target=lambda: [work() for _ in range(9_000)])
    other.start()
    other.join()
    assert spanhouse.flush(20)
    assert spanhouse.stats(work).calls == 9_102

signal.signal(signal.SIGALRM, on_alarm)
for _ in range(100):
    work()
spanhouse.flush(20)
work()
histogram.count_into = interrupted_count_into
assert spanhouse.stats(work).calls == 9_102
returned = attempted = 9_101
"""
TAIL = """
assert spanhouse.flush(30)
status = spanhouse.exporter_status()
print(interrupted, returned, attempted, status.exported - 1, status.failed, status.queued)
"""


def run(program: str, endpoint: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + program + TAIL],
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [int(number) for number in done.stdout.split()]


def test_a_handler_that_raises_loses_no_span():
    """KeyboardInterrupt and its like may come between any two steps: every call that returned has its span, once."""
    with receiving() as receiver:
        interrupted, returned, attempted, exported, failed, queued = run(RAISING, receiver.endpoint)
        assert interrupted > 100
        assert returned <= exported + failed <= attempted
        assert queued == 0
        assert len(receiver.spans) == exported + 1
        assert len({span.span_id for span in receiver.spans}) == exported + 1


def test_a_handler_may_wait_for_threads_that_make_spans_and_flush():
    """A handler that joins a thread is common; whatever of ours it has interrupted, that thread goes on."""
    with receiving() as receiver:
        interrupted, returned, attempted, exported, failed, queued = run(FLUSHING, receiver.endpoint)
        assert interrupted > 20
        assert returned == attempted
        assert (exported + failed, queued) == (returned, 0)
        assert len({span.span_id for span in receiver.spans}) == exported + 1


def test_a_handler_that_interrupts_the_adding_up_may_do_all_that():
    """Statistics are added up without holding anybody up: threads, flushes and figures in a handler neither wait for
    the step that was interrupted nor count a call twice.
    """
    with receiving() as receiver:
        assert run(ADDING_UP, receiver.endpoint) == [1, 9_101, 9_101, 9_101, 0, 0]
