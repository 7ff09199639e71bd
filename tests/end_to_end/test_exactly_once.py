"""Exactly once: a server killed again and again under load, clients that send again, and a count of every span.

SPANHOUSE_CHAOS_ROUNDS sets the number of kills: a few in `make test`, twenty and more in `make chaos`.
"""

import functools
import json
import os
import queue
import random
import signal
import threading
import time
from pathlib import Path

import grpc
import httpx
import pytest
from harness import EXPORT, EXPORT_LOGS, EXPORT_METRICS, PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import gauge_request, log_request, request

from spanhouse_backend.ingest.commit import SECOND_INSERT_BYTES

ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "3"))
CLIENTS = 16
SPANS = 20
LARGE_SPANS = 65_000


# As often as each is sent.
SIGNALS = ("logs", "traces", "metrics", "traces", "records", "traces")
REQUESTS = {
    "logs": lambda service: log_request(service, ["x"] * SPANS).SerializeToString(),
    "traces": lambda service: request(service, [1000] * SPANS).SerializeToString(),
    "metrics": lambda service: gauge_request(service, range(SPANS)).SerializeToString(),
    "records": lambda service: record_lines(service, SPANS),
}
METHODS = {"logs": EXPORT_LOGS, "traces": EXPORT, "metrics": EXPORT_METRICS}


def record_lines(service: str, count: int) -> bytes:
    """Records as /api/v1/record takes them."""
    begun = time.time_ns()
    lines = [{"service": service, "time": begun - number, "message": "x"} for number in range(count)]
    return "\n".join(map(json.dumps, lines)).encode()


def post_lines(http: httpx.Client, body: bytes, timeout: float) -> None:
    """Returns when they are stored. Raises httpx.HTTPError when they may not be."""
    headers = {"Content-Type": "application/x-ndjson"}
    answer = http.post("/api/v1/record", content=body, headers=headers, timeout=timeout)
    assert answer.raise_for_status().status_code == 201


class Load:
    """Clients that send what is queued, and queue again, the same bytes, what was not acknowledged.

    Of six requests one is of logs, one of metrics and one of records as lines of JSON, with as many of these as the
    others have spans.
    """

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.acknowledged: set[str] = set()
        self.made: set[str] = set()

    def make(self, count: int) -> None:
        for _ in range(count):
            number = len(self.made)
            signal = SIGNALS[number % len(SIGNALS)]
            service = f"{signal}-{number}"
            self.made.add(service)
            self.queue.put((service, REQUESTS[signal](service)))

    def made_of(self, signal: str) -> set[str]:
        return {service for service in self.made if service.startswith(signal)}

    def run(self, server: ServerProcess, until) -> list[threading.Thread]:
        clients = [threading.Thread(target=self._client, args=(server, until)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        return clients

    def _client(self, server: ServerProcess, until) -> None:
        options = [("grpc.enable_retries", 0)]
        with (
            grpc.insecure_channel(server.grpc, options=options) as channel,
            httpx.Client(base_url=f"http://{server.http}") as http,
        ):
            calls = {signal: channel.unary_unary(method) for signal, method in METHODS.items()}
            calls["records"] = functools.partial(post_lines, http)
            while not until():
                try:
                    service, body = self.queue.get(timeout=0.05)
                except queue.Empty:
                    continue
                try:
                    calls[service.partition("-")[0]](body, timeout=PATIENCE_SECONDS)
                except (grpc.RpcError, httpx.HTTPError):
                    self.queue.put((service, body))
                else:
                    self.acknowledged.add(service)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_ended_again_and_again_every_record_is_stored_once(tmp_path, end):
    """Killed, or stopped, at random moments under load: in the end all is acknowledged, and every span, log record and
    data point stored once.

    A server that is stopped answers what it has accepted, and leaves nothing half-way.
    """
    chance = random.Random(time.time_ns())
    directory = tmp_path / "data"
    load = Load()
    for _ in range(ROUNDS):
        load.make(200)
        with ServerProcess(directory) as server:
            dead = threading.Event()
            clients = load.run(server, dead.is_set)
            time.sleep(chance.uniform(0.05, 0.8))  # the moment of death is what is being varied
            assert server.stop(end) == (0 if end == signal.SIGTERM else -end)
            dead.set()
            for client in clients:
                client.join()
        if end == signal.SIGTERM:
            assert list((directory / "inflight").glob("*.body")) == []
    with ServerProcess(directory) as server:
        deadline = time.monotonic() + 3 * PATIENCE_SECONDS
        clients = load.run(server, lambda: load.acknowledged == load.made or time.monotonic() > deadline)
        for client in clients:
            client.join()
        assert server.stop() == 0
    assert load.acknowledged == load.made
    per_service, logs, points, minute, hour, stats = read_back(
        directory,
        "SELECT ServiceName, count(), uniqExact(SpanId) FROM otel_traces GROUP BY ServiceName",
        "SELECT ServiceName, count(), uniqExact(Timestamp) FROM otel_logs GROUP BY ServiceName",
        "SELECT ServiceName, count(), uniqExact(Value) FROM otel_metrics_gauge GROUP BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1h GROUP BY ServiceName",
        "SELECT uniqExact(ServiceName), sum(DurationSquares) FROM span_stats_1h",
    )
    assert {row[0] for row in per_service} == load.made_of("traces")
    assert {row[0] for row in logs} == load.made_of("logs") | load.made_of("records")
    assert {row[0] for row in points} == load.made_of("metrics")
    assert [row for row in [*per_service, *logs, *points] if row[1:] != [SPANS, SPANS]] == []
    traces = load.made_of("traces")
    assert {row[0]: row[1] for row in minute} == dict.fromkeys(traces, SPANS)
    assert {row[0]: row[1] for row in hour} == dict.fromkeys(traces, SPANS)
    assert stats == [[len(traces), len(traces) * SPANS * 1000.0**2]]


def stopped_between_two(server: ServerProcess, inflight: Path) -> bool:
    """Stops the server; whether two of its groups were under way, else it goes on."""
    server.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, server.process.pid, os.WSTOPPED)
    if len(list(inflight.glob("*.body"))) >= 2:
        return True
    server.process.send_signal(signal.SIGCONT)
    return False


def test_two_groups_cut_off_at_once_are_stored_once(tmp_path):
    """Killed while two large groups are inserted side by side; sent again, each is stored once, in every table."""
    directory = tmp_path / "data"
    large = {f"large-{number}": request(f"large-{number}", [1000] * LARGE_SPANS) for number in range(4)}
    bodies = [one.SerializeToString() for one in large.values()]
    assert min(map(len, bodies)) > SECOND_INSERT_BYTES
    options = [("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    with (
        ServerProcess(directory, "--max-group-bytes", str(max(map(len, bodies)))) as server,
        grpc.insecure_channel(server.grpc, options=options) as channel,
    ):
        under_way = [channel.unary_unary(EXPORT).future(body, timeout=PATIENCE_SECONDS) for body in bodies]
        # Stopped while it is looked at, so that it dies as it was found.
        while not stopped_between_two(server, directory / "inflight"):
            assert not all(one.done() for one in under_way)
            time.sleep(0.005)
        server.stop(signal.SIGKILL)
        for one in under_way:
            one.exception()
    assert len(list((directory / "inflight").glob("*.body"))) >= 2
    with ServerProcess(directory) as server:
        assert set(server.export(*bodies)) == {grpc.StatusCode.OK}
        assert server.stop() == 0
    spans, minute, hour = read_back(
        directory,
        "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1h GROUP BY ServiceName ORDER BY ServiceName",
    )
    assert spans == minute == hour == [[service, LARGE_SPANS] for service in large]


def test_the_same_request_sent_at_once_and_again_after_a_restart_is_stored_once(tmp_path):
    directory = tmp_path / "data"
    same = request("same", [1000] * SPANS).SerializeToString()
    with ServerProcess(directory) as server:
        assert set(server.export(*[same] * 30)) == {grpc.StatusCode.OK}
        assert server.export(same) == [grpc.StatusCode.OK]
        server.stop(signal.SIGKILL)
    with ServerProcess(directory) as server:
        assert set(server.export(same, request("other", [1]).SerializeToString(), same)) == {grpc.StatusCode.OK}
        assert server.stop() == 0
    spans, calls = read_back(
        directory,
        "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName ORDER BY ServiceName",
    )
    assert spans == calls == [["other", 1], ["same", SPANS]]
