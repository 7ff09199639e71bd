"""Programs that fork and spawn, in processes of their own, to a real receiver: spans stored = spans made, each once."""

import os
import subprocess
import sys
import textwrap
import time

import pytest
from harness import clean_environment
from otlp_receiver import receiving, spans_in
from spool_files import spooled_requests

from spanhouse_exporter import request_bytes

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

HEAD = """
import os, sys, time, warnings
import spanhouse
warnings.filterwarnings("ignore", message=".*multi-threaded.*fork")  # Python 3.12 and later

@spanhouse.capture
def before():
    pass

@spanhouse.capture
def after():
    pass

def call(function, count):
    for _ in range(count):
        function()
"""
ASLEEP = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
"""For forks that threads must sleep through: ours is not woken by its delay, however late the fork comes."""


def run(script: str, endpoint: str, tmp_path, **environ: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "program.py"
    path.write_text(HEAD + textwrap.dedent(script))
    environ = {"SPANHOUSE_SPOOL": str(tmp_path / "spool"), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def count(receiver, tmp_path, name: str, expected: int, said: str = "") -> None:
    """Exactly so many spans of that name, all different: arrived, or in the spool where a second was not enough."""
    requests = {*receiver.raw, *spooled_requests(tmp_path / "spool")}
    found = [span for span in spans_in(requests) if span.name.endswith(name)]
    assert len(found) == expected, said
    assert len({span.span_id for span in found}) == expected


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path, method):
    """Children that simply return, as worker processes do: their last spans are delivered at their end."""
    script = f"""
    import multiprocessing

    if __name__ == "__main__":
        context = multiprocessing.get_context("{method}")
        call(before, 1500)
        children = [context.Process(target=call, args=(after, 700)) for _ in range(3)]
        for child in children:
            child.start()
        call(after, 100)
        for child in children:
            child.join()
            assert child.exitcode == 0
    """
    with receiving() as receiver:
        said = run(script, receiver.endpoint, tmp_path).stderr
        count(receiver, tmp_path, "before", 1500, said)
        count(receiver, tmp_path, "after", 3 * 700 + 100, said)


def test_a_pool_whose_processes_are_replaced(tmp_path):
    """multiprocessing.Pool(maxtasksperchild=1): short-lived children, each with few spans."""
    script = """
    import multiprocessing

    def task(number):
        call(after, number)

    if __name__ == "__main__":
        call(before, 10)
        with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
            pool.map(task, range(1, 9), chunksize=1)
            pool.close()
            pool.join()
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path)
        count(receiver, tmp_path, "before", 10)
        count(receiver, tmp_path, "after", sum(range(1, 9)))


@pytest.mark.parametrize("support", [None, "0", "1"])
def test_fork_during_a_request(tmp_path, support):
    """Forked while a request is on its way, whatever gRPC has been told about forks: no span lost, none sent twice.

    With gRPC's own support for forks switched off, its connections do not work in such a child: what the child makes
    goes to the spool, from where the parent delivers it if it still looks.
    """
    script = """
    call(before, 600)
    while not os.path.exists(sys.argv[0] + ".asked"):
        time.sleep(0.01)
    child = os.fork()
    call(after, 600)
    if child == 0:
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    assert spanhouse.flush(20)
    """
    environ = {} if support is None else {"GRPC_ENABLE_FORK_SUPPORT": support}
    environ["SPANHOUSE_EXIT_TIMEOUT"] = "1000"  # where connections do not work, an end takes as long as it may
    asked = tmp_path / "program.py.asked"

    def respond(_request, _context):
        if not asked.exists():
            asked.touch()
            time.sleep(1)
        return b""

    with receiving(respond) as receiver:
        done = run(script, receiver.endpoint, tmp_path, **environ)
        count(receiver, tmp_path, "before", 600)
        # Sent by the child and spooled all the same, when the answer did not reach it, is the same bytes twice: a
        # receiver that knows repeated requests stores them once.
        requests = {*receiver.raw, *spooled_requests(tmp_path / "spool")}
        assert sum(request_bytes.count_items(request) for request in requests) == 1800, done.stderr


def test_nothing_is_started_in_a_child_before_its_first_span(tmp_path):
    """A child that makes no spans has no thread of ours, and one that does starts its own then."""
    script = """
    import threading

    call(before, 600)
    assert spanhouse.flush(20)
    child = os.fork()
    if child == 0:
        time.sleep(0.2)
        names = [thread.name for thread in threading.enumerate()]
        assert names == ["MainThread"], names
        call(after, 1)
        assert "spanhouse-export" in [thread.name for thread in threading.enumerate()]
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path)
        count(receiver, tmp_path, "before", 600)
        count(receiver, tmp_path, "after", 1)


def test_grandchildren(tmp_path):
    """A daemon's double fork: the parent has ended by the time the grandchild makes its spans."""
    script = """
    call(before, 20)
    if os.fork() == 0:
        call(after, 30)
        if os.fork() == 0:
            time.sleep(0.3)
            call(after, 40)
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path)  # until the last of them has closed its output
        count(receiver, tmp_path, "before", 20)
        count(receiver, tmp_path, "after", 70)


@pytest.mark.parametrize("warm", [False, True])
def test_a_fork_in_c_without_pythons_hooks(tmp_path, warm):
    """As application servers written in C may do: the child's first span finds out that it is in another process.

    The parent's threads are left to fall asleep first: the interpreter itself does not survive such a fork otherwise.
    """
    script = f"""
    import ctypes

    if {warm}:
        call(before, 50)
        spanhouse.flush(20)
        time.sleep(0.3)
    child = ctypes.PyDLL(None).fork()
    call(after, 60)
    assert spanhouse.flush(20)
    if child == 0:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path, **ASLEEP)
        count(receiver, tmp_path, "before", 50 * warm)
        count(receiver, tmp_path, "after", 120)


def test_a_processor_of_the_sdk_in_a_fork_without_hooks(tmp_path):
    """The same for the SDK's provider with our processor: the parent's spans once, the child's own once."""
    script = """
    import ctypes
    from opentelemetry.sdk.trace import TracerProvider
    from spanhouse_exporter.span_processor import SpanhouseSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SpanhouseSpanProcessor())
    tracer = provider.get_tracer("t")
    for _ in range(50):
        tracer.start_span("before").end()
    assert provider.force_flush(20_000)
    time.sleep(0.3)
    child = ctypes.PyDLL(None).fork()
    for _ in range(60):
        tracer.start_span("after").end()
    assert provider.force_flush(20_000)
    if child == 0:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path, **ASLEEP)
        count(receiver, tmp_path, "before", 50)
        # The SDK's ids repeat after a fork that nobody told it of: counted, not compared.
        assert len(receiver.named("after")) == 120


def test_a_child_that_executes_another_program(tmp_path):
    """Subprocess from a threaded, exporting program: nothing held, nothing sent twice."""
    script = """
    import subprocess

    for _ in range(5):
        call(before, 100)
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    """
    with receiving() as receiver:
        run(script, receiver.endpoint, tmp_path)
        count(receiver, tmp_path, "before", 500)
