"""What the server counts and measures about itself, in a registry of its own: GET /metrics for Prometheus.

`Metrics` is the Watcher that ingest and the store report to, and what doors.py reports requests and questions to.
Every label has few values, whatever clients send; names and units follow Prometheus's conventions, and
docs/operations.md lists them all (a test holds the two together).
"""

import logging
import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from spanhouse_backend.errors import StoreError
from spanhouse_backend.store.store import TableSize
from spanhouse_backend.watcher import Watcher

logger = logging.getLogger(__name__)

# From what an idle machine needs for one span to what a client's timeout allows.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Powers of four: from one record to the largest group, in a dozen steps.
_REQUESTS = tuple(4**power for power in range(8))
_RECORDS = tuple(4**power for power in range(11))
_BYTES = tuple(4**power for power in range(5, 14))
# Reasons come from the schema's SQL, which has a handful; should that ever change, memory still has a bound.
_MAX_REASONS = 50
# What the signals' records are called, in names and in words.
_NAMES = {
    "traces": ("spans", "Spans"),
    "logs": ("log_records", "Log records"),
    "metrics": ("data_points", "Data points"),
}
# How old table sizes may be: scrapes come every few seconds, often from two Prometheus servers.
_SIZES_SECONDS = 10.0


class Figures(NamedTuple):
    """The few numbers that a person at a terminal looks at, since the server started."""

    stored: Mapping[str, int]
    """Records by signal, those only of which there were any."""
    rejected: int
    waiting_bytes: int
    last_insert_seconds: float
    ready: bool


class Metrics(Watcher):
    """The instruments, and what they show. Any thread may report: prometheus_client locks each value for an addition.

    Those locks are held while one number is added, and nothing else is done meanwhile, so they cannot deadlock.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "spanhouse_requests",
            "OTLP requests answered. status is gRPC's name or HTTP's number.",
            ["signal", "door", "encoding", "status"],
            registry=registry,
        )
        self._request_bytes = Counter(
            "spanhouse_request_bytes",
            "Bytes of OTLP requests: over HTTP as sent, over gRPC after decompression.",
            ["signal", "door"],
            registry=registry,
        )
        self._acknowledged = Histogram(
            "spanhouse_acknowledge_seconds",
            "From a request's arrival to its acknowledgement, what is in it being stored.",
            ["signal", "door"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._received = {
            signal: Counter(
                f"spanhouse_{name}_received",
                f"{words} accepted to be stored; those of a request that failed and is sent again count again.",
                registry=registry,
            )
            for signal, (name, words) in _NAMES.items()
        }
        self._stored = {
            signal: Counter(f"spanhouse_{name}_stored", f"{words} stored, each once.", registry=registry)
            for signal, (name, words) in _NAMES.items()
        }
        self._rejected = {
            signal: Counter(
                f"spanhouse_{name}_rejected",
                f"{words} refused one by one, by the reason of most in their request.",
                ["reason"],
                registry=registry,
            )
            for signal, (name, words) in _NAMES.items()
        }
        self._repeated = Counter(
            "spanhouse_repeated_requests",
            "Requests sent again and answered as the first time.",
            registry=registry,
        )
        self._insert_requests = Histogram(
            "spanhouse_insert_requests", "Requests in one insert.", ["signal"], buckets=_REQUESTS, registry=registry
        )
        self._insert_records = Histogram(
            "spanhouse_insert_records",
            "Spans, log records or data points stored by one insert.",
            ["signal"],
            buckets=_RECORDS,
            registry=registry,
        )
        self._insert_bytes = Histogram(
            "spanhouse_insert_bytes", "Bytes of OTLP in one insert.", ["signal"], buckets=_BYTES, registry=registry
        )
        self._insert_seconds = Histogram(
            "spanhouse_insert_seconds",
            "One insert: on disk, in every table, noted.",
            ["signal"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._recovered = Counter(
            "spanhouse_recovered_requests",
            "Requests whose insert failed half-way and was finished later.",
            registry=registry,
        )
        self._engine_errors = Counter(
            "spanhouse_engine_errors",
            "Refusals of the engine by ClickHouse's error code, and of the disk by errno.",
            ["code"],
            registry=registry,
        )
        self._spool_files = Counter(
            "spanhouse_spool_files",
            "Spool files taken in (stored) or set aside (corrupt).",
            ["outcome"],
            registry=registry,
        )
        self._judged = Counter(
            "spanhouse_rules_judged",
            "Rules judged, by what was found: breach, well, unknown, or failed; and report for reports made.",
            ["outcome"],
            registry=registry,
        )
        self._told = Counter(
            "spanhouse_notifications",
            "Deliveries to a webhook of the file of rules, attempts together: delivered or failed.",
            ["webhook", "outcome"],
            registry=registry,
        )
        self._rules_read = Gauge(
            "spanhouse_rules_file_usable",
            "1 while the file of rules is as it is in force, 0 while it was changed to what cannot be used.",
            registry=registry,
        )
        self._rules_read.set(1)
        self._questions = Counter(
            "spanhouse_queries",
            "Questions answered. status is gRPC's name or HTTP's number.",
            ["question", "door", "status"],
            registry=registry,
        )
        self._question_seconds = Histogram(
            "spanhouse_query_seconds",
            "From a question's arrival to its answer.",
            ["question", "door"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "spanhouse_refusals",
            "Requests turned away: no_token, wrong_token, or not_allowed with the token that was sent.",
            ["door", "reason"],
            registry=registry,
        )
        self._table_rows = Gauge("spanhouse_table_rows", "Rows stored, by table.", ["table"], registry=registry)
        self._table_bytes = Gauge("spanhouse_table_bytes", "Bytes on disk, by table.", ["table"], registry=registry)
        self._waiting_bytes = Gauge(
            "spanhouse_waiting_bytes",
            "Bytes that requests hold, from their first piece until they are answered.",
            registry=registry,
        )
        self._waiting_requests = Gauge(
            "spanhouse_waiting_requests", "Requests accepted and not yet answered.", registry=registry
        )
        self._free_bytes = Gauge(
            "spanhouse_disk_free_bytes", "Bytes left on the data directory's disk.", registry=registry
        )
        self._live = Gauge("spanhouse_live_streams", "Clients that watch spans arrive.", registry=registry)
        self._ready = Gauge("spanhouse_ready", "1 while spans can be stored, as /readyz says.", registry=registry)
        build = {"version": version("spanhouse"), "engine": version("chdb"), "python": platform.python_version()}
        Info("spanhouse_build", "What runs here.", registry=registry).info(build)
        ProcessCollector(registry=registry)
        self._reasons: set[str] = set()
        self._figures = Figures({}, 0, 0, 0.0, ready=True)
        self._read_waiting_bytes: Callable[[], int] = int
        self._read_ready: Callable[[], bool] = lambda: True

    def answered(
        self, signal: str, door: str, encoding: str, status: str, *, size_bytes: int, seconds: float, good: bool
    ) -> None:
        """An OTLP request was answered; `good` when that was an acknowledgement."""
        self._requests.labels(signal, door, encoding, status).inc()
        self._request_bytes.labels(signal, door).inc(size_bytes)
        if good:
            self._acknowledged.labels(signal, door).observe(seconds)

    def asked(self, question: str, door: str, status: str, seconds: float) -> None:
        """A question was answered, well or badly."""
        self._questions.labels(question, door, status).inc()
        self._question_seconds.labels(question, door).observe(seconds)

    def figures(self) -> Figures:
        """How things stand. For any thread."""
        return self._figures._replace(waiting_bytes=self._read_waiting_bytes(), ready=self._read_ready())

    def refused(self, door: str, reason: str) -> None:
        """A request was turned away before it was read."""
        self._refusals.labels(door, reason).inc()

    def watch_waiting(self, waiting_bytes: Callable[[], int], waiting_requests: Callable[[], int]) -> None:
        """Where to read, at each scrape, what waits."""
        self._read_waiting_bytes = waiting_bytes
        self._waiting_bytes.set_function(waiting_bytes)
        self._waiting_requests.set_function(waiting_requests)

    def watch_live(self, watchers: Callable[[], int]) -> None:
        """What is asked, at each scrape, how many watch spans arrive."""
        self._live.set_function(watchers)

    def watch_disk(self, free_bytes: Callable[[], int], ready: Callable[[], bool]) -> None:
        """Where to read, at each scrape, how much space is left and whether spans can be stored."""
        self._free_bytes.set_function(lambda: _or_nan(free_bytes))
        self._read_ready = ready
        self._ready.set_function(ready)

    def show_sizes(self, sizes: Sequence[TableSize]) -> None:
        """What the tables hold now; tables that are not named are gone."""
        self._table_rows.clear()
        self._table_bytes.clear()
        for size in sizes:
            self._table_rows.labels(size.name).set(size.rows)
            self._table_bytes.labels(size.name).set(size.size_bytes)

    def received(self, signal: str, records: int) -> None:
        """Counts them as waiting to be stored."""
        self._received[signal].inc(records)

    def inserted(self, signal: str, requests: int, records: int, size_bytes: int, seconds: float) -> None:
        """Counts what is stored, and measures the insert."""
        self._count_stored(signal, records)
        self._figures = self._figures._replace(last_insert_seconds=seconds)
        self._insert_requests.labels(signal).observe(requests)
        self._insert_records.labels(signal).observe(records)
        self._insert_bytes.labels(signal).observe(size_bytes)
        self._insert_seconds.labels(signal).observe(seconds)

    def rejected(self, signal: str, records: int, reason: str) -> None:
        """Counts them under their reason."""
        self._figures = self._figures._replace(rejected=self._figures.rejected + records)
        if len(self._reasons) < _MAX_REASONS:
            self._reasons.add(reason)
        self._rejected[signal].labels(reason if reason in self._reasons else "other").inc(records)

    def repeated(self) -> None:
        """Counts it."""
        self._repeated.inc()

    def recovered(self, requests: int, records: Mapping[str, int]) -> None:
        """Counts them, and the records as stored."""
        self._recovered.inc(requests)
        for signal, count in records.items():
            self._count_stored(signal, count)

    def engine_failed(self, code: str) -> None:
        """Counts it under its code."""
        self._engine_errors.labels(code or "unknown").inc()

    def spool_file(self, outcome: str) -> None:
        """Counts it under its outcome."""
        self._spool_files.labels(outcome).inc()

    def judged(self, outcome: str) -> None:
        """Counts it."""
        self._judged.labels(outcome).inc()

    def told(self, webhook: str, *, good: bool) -> None:
        """Counts it. Names are those that the operator gives webhooks in a file."""
        self._told.labels(webhook, "delivered" if good else "failed").inc()

    def rules_read(self, *, good: bool) -> None:
        """Shows it."""
        self._rules_read.set(good)

    def _count_stored(self, signal: str, records: int) -> None:
        self._stored[signal].inc(records)
        stored = self._figures.stored
        self._figures = self._figures._replace(stored={**stored, signal: stored.get(signal, 0) + records})


def metrics_route(metrics: Metrics, table_sizes: Callable[[], Awaitable[Sequence[TableSize]]]) -> BaseRoute:
    """GET /metrics, in Prometheus's text format or in OpenMetrics, as the asker prefers.

    Table sizes are read at most every few seconds, and are left out while the store does not answer.
    """
    read_at = -_SIZES_SECONDS

    async def scrape(request: Request) -> Response:
        nonlocal read_at
        now = time.monotonic()
        if now - read_at >= _SIZES_SECONDS:
            # Set first: of several scrapes that come at once, one reads.
            read_at = now
            try:
                metrics.show_sizes(await table_sizes())
            except StoreError as error:
                metrics.show_sizes(())
                logger.warning("table sizes are missing from /metrics", extra={"problem": str(error)})
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"Content-Type": content_type})

    return Route("/metrics", scrape)


def _or_nan(read: Callable[[], int]) -> float:
    try:
        return read()
    except OSError:
        return float("nan")
