"""`spanhouse.LogHandler` in whole programs: at the exit, over forks, killed, and with nobody there."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import receiving, records_in, value
from spool_files import spooled_requests

from spanhouse_exporter.spool import Spool

NOWHERE = "http://127.0.0.1:9"
SETUP = """
import logging, logging.config, os, signal, sys, threading, time
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"spanhouse": {"class": "spanhouse.LogHandler"}},
    "root": {"handlers": ["spanhouse"], "level": "INFO"},
})
logger = logging.getLogger("app")
(handler,) = logging.getLogger().handlers
"""
FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def script(text, endpoint, code=0, **environ):
    """A program of its own that logs to `endpoint`."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ}
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(text)],
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def spooled(folder: Path) -> int:
    """Log records in a spool, left there."""
    count = 0
    for entry in Spool(folder / "logs", 1 << 30).entries():
        count += entry.item_count
        entry.release()
    return count


def numbers(count, word="number"):
    return sorted(f"{word} {number}" for number in range(count))


def test_at_exit():
    """What a program has logged arrives, also what its own handlers of the exit log."""
    text = """
    import atexit
    atexit.register(logger.info, "at exit")
    for number in range(1000):
        logger.info("number %d", number)
    """
    with receiving() as receiver:
        done = script(text, receiver.endpoint)
        assert receiver.bodies() == sorted([*numbers(1000), "at exit"])
        assert done.stderr == ""


def test_a_handler_that_nobody_holds():
    """Taken off its logger and forgotten, it still delivers what it was given."""
    text = """
    for number in range(100):
        logger.info("number %d", number)
    logging.getLogger().removeHandler(handler)
    del handler
    import gc
    gc.collect()
    """
    with receiving() as receiver:
        script(text, receiver.endpoint)
        assert receiver.bodies() == numbers(100)


def test_at_exit_with_nobody_there_and_once_by_the_next_process(tmp_path):
    """Every record is in the spool when the process has ended, soon; whoever is answered next delivers it, once."""
    text = """
    for number in range(2000):
        logger.info("number %d", number)
    print(time.time())
    """
    spool = {"SPANHOUSE_SPOOL": str(tmp_path)}
    done = script(text, NOWHERE, **spool, SPANHOUSE_EXIT_TIMEOUT="1000")
    assert time.time() - float(done.stdout) < 8  # generous: the exporter's timeout alone is ten
    assert done.stderr == ""
    assert spooled(tmp_path) == 2000
    again = """
    logger.info("again")
    handler.flush(50)
    give_up = time.monotonic() + 50
    while handler.status().replayed < 2000 and time.monotonic() < give_up:
        time.sleep(0.02)
    """
    with receiving() as receiver:
        script(again, receiver.endpoint, **spool)
        script("logger.info('again')\nassert handler.flush(50)", receiver.endpoint, **spool)
        assert receiver.bodies() == sorted([*numbers(2000), "again", "again"])
    assert spooled(tmp_path) == 0


def test_a_process_killed_after_a_flush():
    """What was flushed has arrived, whatever comes then; a record of the flush level alone is no such promise."""
    text = """
    logger.error("flushed")
    assert handler.flush(50)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with receiving() as receiver:
        script(text, receiver.endpoint, code=-9)
        assert receiver.bodies() == ["flushed"]


@FORK
@pytest.mark.parametrize("endpoint", ["answered", "silent"])
def test_forks(tmp_path, endpoint):
    """Parent's and children's records each once, in the receiver or in the spool; a child starts with nothing."""
    text = """
    for number in range(50):
        logger.info("parent %d", number)
    children = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            assert handler.status().queued == 0
            for number in range(50):
                logger.info("child %d %d", child, number)
            logging.shutdown()
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    """
    expected = sorted(
        [f"parent {number}" for number in range(50)]
        + [f"child {child} {number}" for child in range(3) for number in range(50)]
    )
    with receiving() as receiver:
        script(text, receiver.endpoint if endpoint == "answered" else NOWHERE, SPANHOUSE_SPOOL=str(tmp_path))
        if endpoint == "answered":
            # In both is what was not answered in the time that an exit has: the same bytes, which are stored once.
            kept = {*receiver.raw_logs, *spooled_requests(tmp_path / "logs")}
            assert sorted(value(record.body) for record in records_in(kept)) == expected
        else:
            assert spooled(tmp_path) == 200


@FORK
def test_children_of_multiprocessing(tmp_path):
    """They leave without Python's exit, and deliver all the same."""
    text = """
    import multiprocessing
    def child(name):
        for number in range(100):
            logger.info("%s %d", name, number)
    logger.info("parent")
    children = [multiprocessing.get_context("fork").Process(target=child, args=(name,)) for name in ("a", "b")]
    for process in children:
        process.start()
    for process in children:
        process.join()
        assert process.exitcode == 0
    """
    with receiving() as receiver:
        script(text, receiver.endpoint)
        assert receiver.bodies() == sorted([*numbers(100, "a"), *numbers(100, "b"), "parent"])


@FORK
def test_a_fork_while_other_threads_log():
    """No thread, and no child, waits for a lock that a thread of the parent's held."""
    text = """
    stop = threading.Event()
    def chatter():
        while not stop.is_set():
            logger.info("chatter")
    threads = [threading.Thread(target=chatter) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(10):
        pid = os.fork()
        if pid == 0:
            logger.info("child %d", number)
            os._exit(0 if handler.flush(50) else 1)
        assert os.waitpid(pid, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    """
    with receiving() as receiver:
        script(text, receiver.endpoint)
        bodies = receiver.bodies()
        assert [body for body in bodies if body.startswith("child")] == numbers(10, "child")


@FORK
@pytest.mark.parametrize("first", ["span", "record", "event"])
def test_a_fork_in_c_without_pythons_hooks(first):
    """The child's first span, record or event finds out; nothing of the parent's is sent twice, and what the child has
    put since is not forgotten when another finds out too. The parent's threads are left to fall asleep before.
    """
    text = f"""
    import ctypes
    import spanhouse
    events = spanhouse.EventsClient("http://127.0.0.1:9", blocking=False)
    @spanhouse.capture
    def work():
        pass
    def put(kind, word):
        {{"span": work, "record": lambda: logger.info(word), "event": lambda: events.put({{"s": [{{}}]}})}}[kind]()
    for kind in ("span", "record"):
        put(kind, "before")
    assert handler.flush(50) and spanhouse.flush(50)
    time.sleep(0.3)
    child = ctypes.PyDLL(None).fork()
    kinds = ["span", "record", "event"]
    for kind in [{first!r}] * 3 + kinds + kinds:
        put(kind, "child" if child == 0 else "parent")
    taken = events.status()
    assert handler.flush(50)
    if child == 0:
        put("span", "")
        assert spanhouse.flush(50) is not None
        os._exit(0 if taken.queued + taken.failed == 2 + 3 * ({first!r} == "event") else 3)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    assert spanhouse.flush(50)
    """
    records = 2 + 3 * (first == "record")
    with receiving() as receiver:
        script(text, receiver.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="500")
        bodies = receiver.bodies()
        assert bodies == ["before"] + ["child"] * records + ["parent"] * records
        of_work = 1 + 2 * (2 + 3 * (first == "span")) + 1
        assert len(receiver.spans) == of_work
        assert len({span.span_id for span in receiver.spans}) == of_work


def test_sigterm():
    """A program without a handler for it delivers first where that was asked for."""
    text = """
    logger.info("last")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
    """
    with receiving() as receiver:
        script(text, receiver.endpoint, code=-15, SPANHOUSE_FLUSH_ON_SIGTERM="true")
        assert receiver.bodies() == ["last"]


def test_a_handler_of_a_signal_logs_while_the_program_logs():
    """It interrupts the handler between any two steps, and neither hangs nor loses a record."""
    text = """
    seen = 0
    def on_alarm(number, frame):
        global seen
        seen += 1
        logger.info("alarm")
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for number in range(20_000):
        logger.info("number")
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert handler.flush(50)
    print(seen, handler.status().failed)
    """
    with receiving() as receiver:
        seen, failed = map(int, script(text, receiver.endpoint).stdout.split())
        assert failed == 0
        assert seen > 0
        bodies = receiver.bodies()
        assert (bodies.count("number"), bodies.count("alarm")) == (20_000, seen)


def test_a_receiver_without_logs_is_said_once():
    """On standard error where there is no other handler, and the program goes on; no line causes a request."""
    text = """
    for number in range(5):
        logger.info("number %d", number)
        handler.flush(50)
    print(handler.status().dropped["export_failed"], handler.status().failed_requests)
    """
    with receiving(logs=False) as receiver:
        done = script(text, receiver.endpoint)
        assert done.stdout == "5 5\n"
        assert done.stderr.count("takes no logs") == 1


def test_importing_spanhouse_does_not_import_the_handler():
    """Whoever only captures pays for no logging."""
    script = "import sys, spanhouse; print('spanhouse.log_handler' in sys.modules, spanhouse.LogHandler.__module__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "spanhouse.log_handler"]
