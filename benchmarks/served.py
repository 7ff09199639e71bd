"""A server of its own process for a benchmark, and clients that load it, each a process too."""

import itertools
import json
import multiprocessing
import statistics
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc

from benchmarks.otlp_load import SPANS_PER_REQUEST

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CLIENTS = 4
IN_FLIGHT = 32
# A fixed64 field of ExportTraceServiceRequest that OTLP has no name for, which receivers must ignore: it makes the same
# spans another request, since the server answers the very same bytes without storing them.
_FIELD_15 = b"\x79"


class Server(NamedTuple):
    """A running server: where it answers over gRPC and HTTP, its process id, and how long it took to be ready."""

    grpc: str
    http: str
    pid: int
    ready_seconds: float

    def memory_bytes(self, field: str = "VmRSS") -> int:
        """Resident memory now, or at its highest with "VmHWM"."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc says nothing of {field}")


@contextmanager
def server(directory: Path, *arguments: str) -> Iterator[Server]:
    """`spanhouse serve` with its defaults over `directory`, until the block ends."""
    ready = directory.with_name(directory.name + ".ready.json")
    command = [sys.executable, "-m", "spanhouse_backend", "serve", "--data", str(directory), "--spool", "off"]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--clickhouse-http", "off"]
    command += ["--ready-file", str(ready), *arguments]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        said = json.loads(ready.read_text())
        yield Server(said["grpc"], said["http"], process.pid, seconds)
    finally:
        process.terminate()
        process.wait(60)


def saturate(address: str, requests: list[bytes], seconds: float, method: str = EXPORT) -> float:
    """Spans, or what else `method` takes, acknowledged per second.

    By CLIENTS processes, each with IN_FLIGHT requests under way all the time.
    """
    jobs = [_Job(address, requests[index::CLIENTS], seconds, 0.0, time.time_ns(), method) for index in range(CLIENTS)]
    return sum(count for count, _ in _run(jobs)) * SPANS_PER_REQUEST / seconds


def paced(address: str, requests: list[bytes], seconds: float, spans_per_second: float) -> list[float]:
    """Seconds to the acknowledgement of each request, sent at a steady rate whether or not others are answered."""
    pause = CLIENTS * SPANS_PER_REQUEST / spans_per_second
    jobs = [_Job(address, requests[index::CLIENTS], seconds, pause, time.time_ns(), EXPORT) for index in range(CLIENTS)]
    return list(itertools.chain.from_iterable(latencies for _, latencies in _run(jobs)))


def percentile(values: list[float], part: int) -> float:
    """The `part`-th of 100 quantiles."""
    return statistics.quantiles(values, n=100)[part - 1]


class _Job(NamedTuple):
    """What one client process does: `pause` seconds between requests, or as many at once as it may."""

    address: str
    requests: list[bytes]
    seconds: float
    pause: float
    first_number: int
    method: str


def _run(jobs: list[_Job]) -> list[tuple[int, list[float]]]:
    with multiprocessing.get_context("spawn").Pool(len(jobs)) as pool:
        return pool.map(_client, jobs)


def _client(job: _Job) -> tuple[int, list[float]]:
    """What one client had acknowledged within `seconds`: how many requests, and after how many seconds each."""
    address, requests, seconds, pause, first_number, method = job
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(method)
        numbers = itertools.count(first_number)
        latencies: list[float] = []

        def send() -> grpc.Future:
            number = next(numbers)
            future = call.future(requests[number % len(requests)] + _FIELD_15 + struct.pack("<Q", number), timeout=60)
            sent = time.perf_counter()
            future.add_done_callback(lambda _: latencies.append(time.perf_counter() - sent))
            return future

        send().result()  # connected
        latencies.clear()
        begun = time.perf_counter()
        under_way: deque[grpc.Future] = deque()
        while (now := time.perf_counter() - begun) < seconds:
            if pause:
                under_way.append(send())
                time.sleep(max(0.0, len(under_way) * pause - now))
            elif len(under_way) < IN_FLIGHT:
                under_way.append(send())
            else:
                under_way.popleft().result()
        acknowledged = len(latencies)
        for future in under_way:
            future.result()  # raises what a request was refused with
    return acknowledged, latencies
