"""The ends that a process can come to, each a program of its own: every span delivered or in the spool."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import receiving, spans_in
from spool_files import spooled_requests

from spanhouse_exporter.spool import Spool

HEAD = """
import os, signal, sys, threading, time
import spanhouse

@spanhouse.capture
def work():
    pass

"""


def start(script: str, endpoint: str, tmp_path, **environ: str) -> subprocess.Popen[str]:
    environ = {"SPANHOUSE_SPOOL": str(tmp_path / "spool"), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", HEAD + textwrap.dedent(script)],
        env=clean_environment(**environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], number: signal.Signals | None = None) -> tuple[int, str, str]:
    """Waits for its first line, signals it, and waits for its end: (exit code, further output, errors)."""
    if number is not None:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    return process.returncode, out, err


def kept(receiver, tmp_path) -> int:
    """Spans that arrived or are in the spool, all different.

    A request whose answer an end did not wait for is in both, as the same bytes, which receivers store once.
    """
    found = spans_in({*receiver.raw, *spooled_requests(tmp_path / "spool")})
    assert len({span.span_id for span in found}) == len(found)
    return len(found)


@pytest.mark.parametrize("leave", ["raise SystemExit(3)", "raise KeyboardInterrupt", "raise RuntimeError('x')"])
def test_however_the_main_thread_ends(tmp_path, leave):
    """An exception is an exit like any other, and its exit code is the program's own."""
    with receiving() as receiver:
        code, _out, _err = end(start(f"for _ in range(700):\n    work()\n{leave}", receiver.endpoint, tmp_path))
        assert code in {"raise SystemExit(3)": (3,), "raise KeyboardInterrupt": (1, -signal.SIGINT)}.get(leave, (1,))
        assert kept(receiver, tmp_path) == 700


@pytest.mark.parametrize("handler", ["sys.exit(0)", "(spanhouse.flush(5), sys.exit(0))", "spanhouse.shutdown(2)"])
def test_a_handler_of_the_programs_own(tmp_path, handler):
    """A handler may interrupt any of our own steps: it may leave, flush or shut down, and nothing hangs."""
    script = f"""
    stop = threading.Event()
    def on_sigterm(number, frame):
        stop.set()
        {handler}
    signal.signal(signal.SIGTERM, on_sigterm)
    for _ in range(5000):
        work()
    print("ready", flush=True)
    while not stop.is_set():
        work()
    """
    with receiving() as receiver:
        for _ in range(3):
            started = time.monotonic()
            code, _out, err = end(start(script, receiver.endpoint, tmp_path), signal.SIGTERM)
            assert (code, err) == (0, "")
            assert time.monotonic() - started < 20
        assert kept(receiver, tmp_path) >= 3 * 5000


def test_sigterm_with_flushing_asked_for(tmp_path):
    """SPANHOUSE_FLUSH_ON_SIGTERM: the last spans are delivered, and the process still ends by the signal."""
    script = """
    for _ in range(700):
        work()
    print("ready", flush=True)
    while True:
        time.sleep(1)
    """
    with receiving() as receiver:
        process = start(script, receiver.endpoint, tmp_path, SPANHOUSE_FLUSH_ON_SIGTERM="true")
        code, _out, err = end(process, signal.SIGTERM)
        assert (code, err) == (-signal.SIGTERM, "")
        assert kept(receiver, tmp_path) == 700


def test_a_handler_of_the_program_is_left_alone(tmp_path):
    """What the program has installed is not replaced, and signals are not touched unless asked for."""
    script = """
    {set}
    work()
    print(signal.getsignal(signal.SIGTERM))
    """
    with receiving() as receiver:
        for given, flush, expected in [
            ("pass", "", "0"),
            ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "true", "1"),
        ]:
            text = textwrap.dedent(script).format(set=given)
            process = start(text, receiver.endpoint, tmp_path, SPANHOUSE_FLUSH_ON_SIGTERM=flush)
            code, out, _err = end(process)
            assert (code, out.strip()) == (0, str(signal.Handlers(int(expected))))


def test_no_thread_is_started_by_the_end(tmp_path):
    """OpenTelemetry's exit handlers have failed by starting threads when the interpreter no longer can."""
    script = """
    started = []
    begin = threading.Thread.start
    def start(thread):
        started.append(thread.name)
        begin(thread)
    for _ in range(3000):
        work()
    spanhouse.flush(20)
    for _ in range(3000):
        work()
    threading.Thread.start = start
    spanhouse.shutdown(5)
    print(started)
    """
    with receiving() as receiver:
        # No round of its own: what it sends before the end, in the background, is gRPC's to start a thread for.
        process = start(script, receiver.endpoint, tmp_path, OTEL_BSP_SCHEDULE_DELAY="600000")
        code, out, err = end(process)
        assert (code, out, err) == (0, "[]\n", "")
        assert kept(receiver, tmp_path) == 6000


def test_threads_that_cannot_be_started_lose_nothing(tmp_path):
    """A machine out of threads: what nobody can send is spooled by the thread that ends the process."""
    script = """
    def start(thread):
        raise RuntimeError("can't start new thread")
    threading.Thread.start = start
    for _ in range(700):
        work()
    """
    with receiving() as receiver:
        code, _out, err = end(start(script, receiver.endpoint, tmp_path))
        assert (code, err) == (0, "")
        assert kept(receiver, tmp_path) == 700


def test_shutdown_by_several_threads_at_once(tmp_path):
    """Trace SDK, "Shutdown": concurrent calls neither hang nor count a span twice."""
    script = """
    for _ in range(700):
        work()
    threads = [threading.Thread(target=spanhouse.shutdown, args=(5,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = spanhouse.exporter_status()
    print(status.exported + status.spooled, status.failed, status.queued)
    """
    with receiving() as receiver:
        code, out, _err = end(start(script, receiver.endpoint, tmp_path))
        assert (code, out) == (0, "700 0 0\n")
        assert kept(receiver, tmp_path) == 700


def test_the_sdks_batch_processor_at_exit(tmp_path):
    """It empties itself while the interpreter ends: with nobody answering, our exporter is quick to spool."""
    script = """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from spanhouse_exporter.span_exporter import SpanhouseExporter
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(SpanhouseExporter()))
    for _ in range(2000):
        provider.get_tracer("t").start_span("n").end()
    print(time.time())
    """
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        waits = dict.fromkeys(("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT"), "60000")
        code, out, err = end(start(script, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, **waits))
    assert (code, err) == (0, "")
    assert time.time() - float(out) < 14  # an end that waits for its answer takes some twenty
    assert sum(entry.item_count for entry in Spool(tmp_path / "spool", 1 << 30).entries()) == 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_terminated_child(tmp_path):
    """Multiprocessing's terminate() is SIGTERM: with flushing asked for, what the child made is kept."""
    script = """
    import multiprocessing
    def child():
        for _ in range(300):
            work()
        print("ready", flush=True)
        time.sleep(60)
    process = multiprocessing.get_context("fork").Process(target=child)
    work()
    process.start()
    sys.stdin.readline()
    process.terminate()
    process.join()
    """
    with receiving() as receiver:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD + textwrap.dedent(script)],
            env=clean_environment(
                SPANHOUSE_SPOOL=str(tmp_path / "spool"),
                OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
                SPANHOUSE_FLUSH_ON_SIGTERM="true",
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("\n")
            process.stdin.close()
            assert process.wait(PATIENCE_SECONDS) == 0
        assert kept(receiver, tmp_path) == 301
