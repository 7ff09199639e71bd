"""Sustained ingest, acknowledged after commit, against the engine's own limit; latency at half of it; memory.

Data: 512-span requests of 5-attribute spans of 200 functions, four spans a trace, with lognormal durations; a hundred
different requests, each time made another one by a number in a field that OTLP does not name. Measured: `spanhouse
serve` with its defaults, four client processes with 32 requests in flight each, spans acknowledged per second of wall
time; the load generators share the machine's cores. Peer: the same bytes inserted straight into the same schema in
groups of about 100,000 spans by one thread. Then, on the same server, half of that rate sent steadily, and the server's
memory: its highest, and how much it grew while it was kept busy. BENCH_SOAK_SECONDS keeps it busy for longer.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.otlp_load import SPANS_PER_REQUEST, make_requests
from benchmarks.report import Row
from benchmarks.served import paced, percentile, saturate, server

GROUP_SPANS = 100_000
BUDGET_SHARE, BUDGET_SPANS_PER_SECOND = 0.6, 100_000
BUDGET_LATENCY_SECONDS = 0.5
BUDGET_MEMORY_BYTES, BUDGET_GROWTH = 1_500_000_000, 0.1


def run(*, quick: bool) -> list[Row]:
    """Three rows: rate, latency, memory."""
    seconds = 5.0 if quick else 20.0
    soak_seconds = float(os.environ.get("BENCH_SOAK_SECONDS", "10" if quick else "60"))
    requests = make_requests(100, SPANS_PER_REQUEST)
    with tempfile.TemporaryDirectory() as folder:
        with server(Path(folder) / "served") as served:
            rate = saturate(served.grpc, requests, seconds)
            latencies = paced(served.grpc, requests, seconds, rate / 2)
            warm = served.memory_bytes()
            saturate(served.grpc, requests, soak_seconds)
            after, highest = served.memory_bytes(), served.memory_bytes("VmHWM")
        direct = _direct(Path(folder), 5 if quick else 20)
    share, p99 = rate / direct, percentile(latencies, 99)
    growth = after / warm - 1
    return [
        Row(
            f"ingest: >= {BUDGET_SHARE:.0%} of direct insert and >= {BUDGET_SPANS_PER_SECOND:,} spans/s",
            f"{rate:,.0f} spans/s",
            f"{direct:,.0f} spans/s (direct insert)",
            f"{share:.0%}",
            _verdict(met=share >= BUDGET_SHARE and rate >= BUDGET_SPANS_PER_SECOND),
        ),
        Row(
            f"acknowledgement at half of that load: p99 <= {BUDGET_LATENCY_SECONDS * 1000:.0f} ms",
            f"{p99 * 1000:.0f} ms (p50 {percentile(latencies, 50) * 1000:.0f} ms)",
            f"{rate / 2:,.0f} spans/s",
            "",
            _verdict(met=p99 <= BUDGET_LATENCY_SECONDS),
        ),
        Row(
            f"server memory at full load: <= {BUDGET_MEMORY_BYTES / 1e9:.1f} GB, and flat over {soak_seconds:.0f} s",
            f"{highest / 1e6:,.0f} MB at most, {growth:+.0%}",
            "",
            "",
            _verdict(met=highest <= BUDGET_MEMORY_BYTES and growth <= BUDGET_GROWTH),
        ),
    ]


def _direct(folder: Path, inserts: int) -> float:
    """Spans per second of raw inserts, in a process of its own: the engine takes one directory per process."""
    command = [sys.executable, "-m", "benchmarks.otlp_load", str(folder / "direct"), str(inserts), str(GROUP_SPANS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"
