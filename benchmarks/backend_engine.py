"""What the engine itself takes: CPU and disk for a span, time for the smallest insert and until the server is ready.

Data: that of the ingest benchmark, no span twice. Engine CPU is the whole process's while it inserts groups of about
100,000 spans, with all views against with only what fills otel_traces, in two processes of this module (`python -m
benchmarks.backend_engine MODE DIRECTORY GROUPS`). The smallest insert is one span through the store: journal, insert,
and noting the request. Disk is what all tables weigh after their parts are merged, divided by the spans in them; a
server is then started over them.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.otlp_load import SPANS_PER_REQUEST, make_requests
from benchmarks.report import Row, against
from benchmarks.served import server
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.store import Store

GROUP_SPANS = 100_000
BUDGET_CPU, BUDGET_SMALLEST_SECONDS, BUDGET_DISK_BYTES, BUDGET_READY_SECONDS = 1.6, 0.04, 60, 3.0
_VIEWS = """
    SELECT name FROM system.tables
    WHERE database = currentDatabase() AND engine = 'MaterializedView'
    AND name NOT IN ('otlp_spans_mv', 'otel_traces_mv')
"""


def run(*, quick: bool) -> list[Row]:
    """Four rows."""
    groups = "2" if quick else "6"
    with tempfile.TemporaryDirectory() as folder:
        traces = _program("traces", Path(folder) / "traces", groups)
        every = _program("all", Path(folder) / "all", groups)
        with server(Path(folder) / "all") as served:
            ready = served.ready_seconds
    return [
        Row(
            f"engine CPU per span, all views: <= {BUDGET_CPU}x of only otel_traces",
            f"{every['cpu_us']:.1f} us",
            f"{traces['cpu_us']:.1f} us (only otel_traces)",
            against(every["cpu_us"], traces["cpu_us"]),
            _verdict(met=every["cpu_us"] <= BUDGET_CPU * traces["cpu_us"]),
        ),
        Row(
            f"smallest insert (one span), all views: <= {BUDGET_SMALLEST_SECONDS * 1000:.0f} ms",
            f"{every['smallest_seconds'] * 1000:.0f} ms",
            f"{traces['smallest_seconds'] * 1000:.0f} ms (only otel_traces)",
            against(every["smallest_seconds"], traces["smallest_seconds"]),
            _verdict(met=every["smallest_seconds"] <= BUDGET_SMALLEST_SECONDS),
        ),
        Row(
            f"disk per 5-attribute span, rollups included, after merges: <= {BUDGET_DISK_BYTES} bytes",
            f"{every['disk_bytes']:.0f} bytes",
            f"{traces['disk_bytes']:.0f} bytes (only otel_traces)",
            against(every["disk_bytes"], traces["disk_bytes"]),
            _verdict(met=every["disk_bytes"] <= BUDGET_DISK_BYTES),
        ),
        Row(
            f"ready on existing data: <= {BUDGET_READY_SECONDS:.0f} s",
            f"{ready:.1f} s",
            f"{every['spans']:,.0f} spans there",
            "",
            _verdict(met=ready <= BUDGET_READY_SECONDS),
        ),
    ]


def _program(mode: str, directory: Path, groups: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.backend_engine", mode, str(directory), groups]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"


async def _measure(mode: str, directory: Path, groups: int) -> dict[str, float]:
    store = await asyncio.to_thread(Store.open, directory)
    try:
        if mode == "traces":
            for (view,) in (await store.fetch(_VIEWS, {})).rows:
                await store.fetch(f"DROP VIEW {view}", {})
        cpu = []
        requests_each = GROUP_SPANS // SPANS_PER_REQUEST
        for group in range(1 + groups):
            # Spans that no other group has: what is the same twice would weigh less than it does in life.
            made = make_requests(requests_each, SPANS_PER_REQUEST, first_seed=group * requests_each)
            framed = [frame(request) for request in made]
            body, identities = join(framed), [request.identity for request in framed]
            begun = time.process_time()
            await store.insert(TRACES, body, identities)
            cpu.append(time.process_time() - begun)
        one = frame(make_requests(1, 1)[0])
        smallest = []
        for _ in range(10 * groups):
            started = time.perf_counter()
            await store.insert(TRACES, join([one]), [one.identity])
            smallest.append(time.perf_counter() - started)
        spans, disk = await _weigh(store)
    finally:
        await store.close()
    return {
        "cpu_us": statistics.median(cpu[1:]) / (requests_each * SPANS_PER_REQUEST) * 1e6,
        "smallest_seconds": statistics.median(smallest),
        "disk_bytes": disk / spans,
        "spans": spans,
    }


async def _weigh(store: Store) -> tuple[int, int]:
    tables = "SELECT DISTINCT table FROM system.parts WHERE active AND database = currentDatabase()"
    for (table,) in (await store.fetch(tables, {})).rows:
        await store.fetch(f"OPTIMIZE TABLE {table} FINAL", {})
    ((spans,),) = (await store.fetch("SELECT count() FROM otel_traces", {})).rows
    weight = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
    ((disk,),) = (await store.fetch(weight, {})).rows
    return spans, disk


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
