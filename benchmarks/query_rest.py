"""How long questions take over REST, and what they leave to ingest.

Data: 20 million spans of 200 functions over six hours (two million with --quick), a quarter of them first, so that it
shows whether answers from rollups take longer as spans become more; and 24 hours of rollups of 1,000 functions (100).
Measured: medians of whole round trips over one connection to `spanhouse serve` with its defaults, the answer read and
parsed. Peer of the table of functions: the same table by exact quantiles over the spans. Then four client processes
send as fast as they are answered, alone, while one more asks the dashboard's questions one after the other without a
pause, and alone again.
"""

import http.client
import itertools
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.otlp_load import SPANS_PER_REQUEST, make_requests
from benchmarks.query_data import FLEET, SERVICE, make_fleet, make_spans
from benchmarks.report import Row, against
from benchmarks.served import Server, saturate, server

BUDGET_TABLE_SHARE, BUDGET_TABLE_SECONDS = 1 / 8, 0.15
BUDGET_SERIES_SECONDS, BUDGET_TRACE_SECONDS = 0.1, 0.1
BUDGET_GROWTH = 1.5
BUDGET_INGEST_SHARE = 0.7
# What a dashboard shows of the last hour; slowest and attributes read the spans.
DASHBOARD = (
    ("services", {}),
    ("functions", {"sort": "p99"}),
    ("series", {"step": "1m"}),
    ("heatmap", {"step": "1m"}),
    ("slowest", {"limit": "20"}),
    ("errors", {}),
)


def run(*, quick: bool) -> list[Row]:
    """Six rows."""
    spans, functions, repeats = (2_000_000, 100, 5) if quick else (20_000_000, 1_000, 15)
    now_ns = time.time_ns()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        make_fleet(data, functions, now_ns)
        make_spans(data, 0, spans // 4, now_ns)
        table = {"service": SERVICE, "limit": "200"}
        with server(data) as served:
            few = round_trip_seconds(served, "functions", table, repeats)
        trace_id = make_spans(data, spans // 4, spans - spans // 4, now_ns)
        with server(data) as served:
            rollup = round_trip_seconds(served, "functions", table, repeats)
            exact = round_trip_seconds(served, "functions", table | {"exact": "true"}, max(3, repeats // 5))
            one = {"service": FLEET, "name": "fleet.function_7", "since": "24h", "step": "5m"}
            series = round_trip_seconds(served, "series", one, repeats)
            trace = round_trip_seconds(served, f"trace/{trace_id}", {}, repeats)
            alone, beside, asked = _ingest(served, 5.0 if quick else 20.0)
    return [
        Row(
            f"functions over {spans:,} spans, from rollups: <= 1/8 of exact over the spans",
            f"{rollup * 1000:.0f} ms",
            f"{exact * 1000:.0f} ms (exact=true)",
            against(rollup, exact),
            _verdict(met=rollup <= exact * BUDGET_TABLE_SHARE),
        ),
        Row(
            f"functions, REST round trip: <= {BUDGET_TABLE_SECONDS * 1000:.0f} ms",
            f"{rollup * 1000:.0f} ms",
            "",
            "",
            _verdict(met=rollup <= BUDGET_TABLE_SECONDS),
        ),
        Row(
            f"functions, as spans grow fourfold: flat (<= x{BUDGET_GROWTH})",
            f"{rollup * 1000:.0f} ms",
            f"{few * 1000:.0f} ms ({spans // 4:,} spans)",
            against(rollup, few),
            _verdict(met=rollup <= few * BUDGET_GROWTH),
        ),
        Row(
            f"series of one of {functions:,} functions, 24 h: <= {BUDGET_SERIES_SECONDS * 1000:.0f} ms",
            f"{series * 1000:.0f} ms",
            "",
            "",
            _verdict(met=series <= BUDGET_SERIES_SECONDS),
        ),
        Row(
            f"trace by id among {spans:,} spans: <= {BUDGET_TRACE_SECONDS * 1000:.0f} ms",
            f"{trace * 1000:.0f} ms",
            "",
            "",
            _verdict(met=trace <= BUDGET_TRACE_SECONDS),
        ),
        Row(
            f"ingest while a dashboard's questions loop: >= {BUDGET_INGEST_SHARE:.0%} of ingest alone",
            f"{beside:,.0f} spans/s, {asked:.1f} questions/s",
            f"{alone:,.0f} spans/s (alone)",
            f"{beside / alone:.0%}",
            _verdict(met=beside >= alone * BUDGET_INGEST_SHARE),
        ),
    ]


def round_trip_seconds(served: Server, question: str, parameters: dict[str, str], repeats: int) -> float:
    """The median round trip, after one that is not counted. Raises what a refusal says."""
    connection = http.client.HTTPConnection(served.http, timeout=120)
    taken = []
    for number in range(repeats + 1):
        begun = time.perf_counter()
        rows = _ask(connection, question, parameters)
        if number:
            taken.append(time.perf_counter() - begun)
        if not rows:
            raise RuntimeError(f"{question} {parameters} has no rows: nothing was measured")
    connection.close()
    return statistics.median(taken)


def _ask(connection: http.client.HTTPConnection, question: str, parameters: dict[str, str]) -> list[object]:
    connection.request("GET", f"/api/v1/{question}?{urlencode(parameters)}")
    response = connection.getresponse()
    document = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"{question}: {document}")
    return list(document["rows"])


def _ingest(served: Server, seconds: float) -> tuple[float, float, float]:
    """Spans per second alone (before and after), beside the dashboard, and the dashboard's questions per second."""
    requests = make_requests(100, SPANS_PER_REQUEST)
    before = saturate(served.grpc, requests, seconds)
    beside, asked = _with_dashboard(served, lambda: saturate(served.grpc, requests, seconds))
    after = saturate(served.grpc, requests, seconds)
    return (before + after) / 2, beside, asked


def _with_dashboard(served: Server, work: Callable[[], float]) -> tuple[float, float]:
    done, answered, failures = threading.Event(), itertools.count(), []

    def loop() -> None:
        connection = http.client.HTTPConnection(served.http, timeout=120)
        try:
            for question, parameters in itertools.cycle(DASHBOARD):
                if done.is_set():
                    return
                _ask(connection, question, {"since": "1h", "service": SERVICE} | parameters)
                next(answered)
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that measures
            failures.append(error)

    # It waits for the server only, each time for two minutes at most, so joining it ends.
    thread = threading.Thread(target=loop)
    begun = time.perf_counter()
    thread.start()
    try:
        rate = work()
    finally:
        done.set()
        thread.join()
    if failures:
        raise failures[0]
    return rate, next(answered) / (time.perf_counter() - begun)


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"
