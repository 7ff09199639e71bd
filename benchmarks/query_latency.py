"""REST round trips of the questions that dashboards ask, over 20 million spans and a day of rollups.

Data, made by the engine itself: 20 million spans of 200 functions over six hours (2 million with --quick), and
rollups of 1,000 more functions over 24 hours, ten buckets a minute each (100 functions with --quick). Measured:
medians of round trips to `spanhouse serve`, one at a time. Peer: the same table of functions with exact=true, which
reads the spans.
"""

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.report import Row, against
from benchmarks.served import server
from spanhouse_backend.store.store import Store

SPANS, QUICK_SPANS, SPANS_AT_ONCE = 20_000_000, 2_000_000, 1_000_000
FUNCTIONS, QUICK_FUNCTIONS = 1_000, 100
BUDGET_SHARE = 8
BUDGET_FUNCTIONS_SECONDS, BUDGET_SERIES_SECONDS, BUDGET_TRACE_SECONDS = 0.15, 0.1, 0.1
ASKED = 15
_SQL = Path(__file__).parent / "sql"


def run(*, quick: bool) -> list[Row]:
    """Three rows."""
    spans, functions = (QUICK_SPANS, QUICK_FUNCTIONS) if quick else (SPANS, FUNCTIONS)
    end = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "data"
        command = [
            sys.executable,
            "-m",
            "benchmarks.query_latency",
            str(directory),
            str(spans),
            str(functions),
            str(end),
        ]
        trace_id = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        with server(directory) as served:
            table = _round_trip(served.http, "functions", service="checkout", since=end - 21600, until=end)
            exact = _round_trip(
                served.http, "functions", asked=3, service="checkout", since=end - 21600, until=end, exact="true"
            )
            day = _round_trip(served.http, "functions", service="warehouse", since=end - 86400, until=end)
            name = "warehouse.function_7"
            series = _round_trip(served.http, "series", name=name, since=end - 86400, until=end)
            trace = _round_trip(served.http, f"trace/{trace_id}")
    met = table * BUDGET_SHARE <= exact and max(table, day) <= BUDGET_FUNCTIONS_SECONDS
    return [
        Row(
            f"functions of {spans:,} spans: <= 1/{BUDGET_SHARE} of exact, and <= {_ms(BUDGET_FUNCTIONS_SECONDS)}",
            f"{_ms(table)}; {functions:,} functions, 24 h: {_ms(day)}",
            f"{_ms(exact)} (exact, from the spans)",
            against(table, exact),
            _verdict(met=met),
        ),
        Row(
            f"one function's series, 24 h: <= {_ms(BUDGET_SERIES_SECONDS)}",
            _ms(series),
            "",
            "",
            _verdict(met=series <= BUDGET_SERIES_SECONDS),
        ),
        Row(
            f"trace by id among {spans:,} spans: <= {_ms(BUDGET_TRACE_SECONDS)}",
            _ms(trace),
            "",
            "",
            _verdict(met=trace <= BUDGET_TRACE_SECONDS),
        ),
    ]


def _round_trip(address: str, question: str, asked: int = ASKED, **parameters: str | int) -> float:
    """Median seconds from asking to the whole answer, over one connection that is kept."""
    connection = http.client.HTTPConnection(address, timeout=120)
    path = f"/api/v1/{question}" + (f"?{urlencode(parameters)}" if parameters else "")
    seconds = []
    for _ in range(1 + asked):
        begun = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        seconds.append(time.perf_counter() - begun)
        if response.status != http.client.OK or not json.loads(body)["rows"]:
            raise RuntimeError(f"{path}: {response.status} {body[:500]!r}")
    connection.close()
    return statistics.median(seconds[1:])


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"


async def _fill(directory: Path, spans: int, functions: int, end: int) -> str:
    """Makes the data; the id of a trace in it."""
    fill_spans, fill_rollups = ((_SQL / f"fill_{name}.sql").read_text() for name in ("spans", "rollups"))
    store = await asyncio.to_thread(Store.open, directory)
    try:
        for first in range(0, spans, SPANS_AT_ONCE):
            count = min(SPANS_AT_ONCE, spans - first)
            await store.fetch(fill_spans, {"end": end, "first": first, "count": count})
        await store.fetch(fill_rollups, {"end": end, "functions": functions})
        # As after a while of running: merges are what the engine does meanwhile.
        for table in (
            "otel_traces_trace_id_ts",
            "span_durations_1m",
            "span_durations_1h",
            "span_stats_1m",
            "span_stats_1h",
        ):
            await store.fetch(f"OPTIMIZE TABLE {table}", {})
        ((trace_id,),) = (await store.fetch("SELECT TraceId FROM otel_traces LIMIT 1", {})).rows
    finally:
        await store.close()
    return str(trace_id)


if __name__ == "__main__":
    print(asyncio.run(_fill(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
