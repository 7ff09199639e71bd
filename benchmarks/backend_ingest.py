"""Sustained ingest, acknowledged after commit, against the engine's own limit in the same run.

Data: 512-span requests of 5-attribute spans of 200 functions with lognormal durations; a hundred different
requests, sent again and again, each time with another number in a field that OTLP does not name: the server answers the
very same bytes without storing them. Measured: `spanhouse serve` with its defaults, four client processes with 32
requests in flight each, spans acknowledged per second of wall time; the load generators share the machine's cores.
Peer: the same bytes inserted straight into the same schema in groups of about 100,000 spans by one thread.
"""

import itertools
import json
import multiprocessing
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import grpc

from benchmarks.otlp_load import make_requests
from benchmarks.report import Row

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SPANS_PER_REQUEST = 512
CLIENTS = 4
IN_FLIGHT = 32
# A fixed64 field of ExportTraceServiceRequest that OTLP has no name for, which receivers must ignore.
_FIELD_15 = b"\x79"
GROUP_SPANS = 100_000
BUDGET_SHARE, BUDGET_SPANS_PER_SECOND = 0.6, 100_000


def run(*, quick: bool) -> list[Row]:
    """One row: the server's rate against the direct insert's."""
    seconds = 5.0 if quick else 20.0
    requests = make_requests(100, SPANS_PER_REQUEST)
    with tempfile.TemporaryDirectory() as folder:
        served = _served(Path(folder), requests, seconds)
        direct = _direct(Path(folder), 5 if quick else 20)
    share = served / direct
    met = share >= BUDGET_SHARE and served >= BUDGET_SPANS_PER_SECOND
    return [
        Row(
            f"ingest: >= {BUDGET_SHARE:.0%} of direct insert and >= {BUDGET_SPANS_PER_SECOND:,} spans/s",
            f"{served:,.0f} spans/s",
            f"{direct:,.0f} spans/s (direct insert)",
            f"{share:.0%}",
            "met" if met else "missed",
        )
    ]


def _served(folder: Path, requests: list[bytes], seconds: float) -> float:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "spanhouse_backend", "serve", "--data", str(folder / "served")]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ready-file", str(ready)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if server.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.05)
        address = _address(ready)
        context = multiprocessing.get_context("spawn")
        with context.Pool(CLIENTS) as pool:
            jobs = [(address, requests[index::CLIENTS], seconds) for index in range(CLIENTS)]
            return sum(pool.starmap(_client, jobs))
    finally:
        server.terminate()
        server.wait(60)


def _address(ready: Path) -> str:
    return str(json.loads(ready.read_text())["grpc"])


def _client(address: str, requests: list[bytes], seconds: float) -> float:
    """Spans acknowledged per second by one client that keeps IN_FLIGHT requests under way."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(EXPORT)
        numbers = itertools.count()

        def send() -> grpc.Future:
            number = next(numbers)
            different = _FIELD_15 + struct.pack("<Q", number)
            return call.future(requests[number % len(requests)] + different, timeout=60)

        send().result()
        under_way = deque(send() for _ in range(IN_FLIGHT))
        begun = time.perf_counter()
        acknowledged = 0
        while time.perf_counter() - begun < seconds:
            under_way.popleft().result()
            acknowledged += 1
            under_way.append(send())
        elapsed = time.perf_counter() - begun
        for future in under_way:
            future.result()
    return acknowledged * SPANS_PER_REQUEST / elapsed


def _direct(folder: Path, inserts: int) -> float:
    """Spans per second of raw inserts, in a process of its own: the engine takes one directory per process."""
    command = [sys.executable, "-m", "benchmarks.otlp_load", str(folder / "direct"), str(inserts), str(GROUP_SPANS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])
