"""Programs whose threads are gevent's greenlets: they export, and end in good time, whatever the receiver does."""

import socket
import subprocess
import sys
import time

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import receiving, spans_in
from spool_files import spooled_requests

from spanhouse_exporter import request_bytes

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import os, sys, time
import gevent
if "cooperative" in sys.argv:
    from grpc.experimental import gevent as grpc_gevent
    grpc_gevent.init_gevent()
import spanhouse

@spanhouse.capture
def work():
    gevent.sleep(0.001)

def call(count):
    for _ in range(count):
        work()

gevent.joinall([gevent.spawn(call, 100) for _ in range(50)])
turns = 0
if "flush" in sys.argv:
    def take_turns():
        global turns
        while True:
            gevent.sleep(0.01)
            turns += 1
    gevent.spawn(take_turns)
    assert spanhouse.flush(30)
print(turns, time.time(), flush=True)
"""


def run(endpoint: str, tmp_path, *arguments: str) -> tuple[int, float]:
    """(turns that another greenlet had during the flush, seconds that the end of the process took)"""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=clean_environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, SPANHOUSE_SPOOL=str(tmp_path), OTEL_EXPORTER_OTLP_TIMEOUT="2000"
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    turns, ended = done.stdout.split()
    return int(turns), time.time() - float(ended)


def spooled(tmp_path) -> int:
    return sum(map(request_bytes.count_items, spooled_requests(tmp_path)))


@pytest.fixture
def silent():
    """A port where somebody listens and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("cooperative", [[], ["cooperative"]], ids=["", "cooperative"])
@pytest.mark.parametrize("flush", [[], ["flush"]], ids=["", "flush"])
def test_greenlets_export(tmp_path, flush, cooperative):
    """Every span of every greenlet arrives once, by a flush or at the end, with and without gRPC's own support."""
    with receiving() as receiver:
        run(receiver.endpoint, tmp_path, *flush, *cooperative)
        # A request whose answer was not waited for is in the spool too: the same bytes, which receivers store once.
        found = spans_in({*receiver.raw, *spooled_requests(tmp_path)})
        assert len({span.span_id for span in found}) == len(found) == 5000


@pytest.mark.parametrize("cooperative", [[], ["cooperative"]], ids=["", "cooperative"])
def test_a_silent_receiver_does_not_hold_up_the_end(tmp_path, silent, cooperative):
    """What cannot be sent in an end's time is in the spool."""
    _turns, ended = run(silent, tmp_path, *cooperative)
    assert ended < 8  # generous: the budget is held by a benchmark
    assert spooled(tmp_path) == 5000


def test_other_greenlets_run_on_while_a_receiver_is_waited_for(tmp_path, silent):
    """With gRPC's support for gevent switched on, as docs/exporter.md asks: without it, gRPC's waits block them all."""
    turns, _ended = run(silent, tmp_path, "flush", "cooperative")
    assert turns > 20
    assert spooled(tmp_path) == 5000
