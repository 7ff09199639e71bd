"""The disk fills up under load: not ready, UNAVAILABLE, queries go on, and all is well when space returns.

SPANHOUSE_CHAOS_ROUNDS sets how often the disk is filled: once in `make test`, twenty times in `make chaos`.
"""

import itertools
import os
import threading
import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import request
from prometheus_client.parser import text_string_to_metric_families
from small_disk import MIB, CannotMount, fill, small_disk

ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "1"))
CLIENTS = 4
SPANS = 400
DISK_MIB = 160


class Senders:
    """Clients that send request after request, each again and again until it is acknowledged."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = itertools.count()
        self._enough = threading.Event()
        self.acknowledged: set[str] = set()
        self.statuses: set[grpc.StatusCode] = set()
        self.retry_seconds: list[int | None] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Sends nothing new; waits until all that was sent is acknowledged."""
        self._enough.set()
        for thread in self._threads:
            thread.join(3 * PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads)

    def _send(self) -> None:
        with grpc.insecure_channel(self._address, options=[("grpc.enable_retries", 0)]) as channel:
            call = channel.unary_unary(EXPORT)
            while not self._enough.is_set():
                service = f"sender-{next(self._numbers)}"
                body = request(service, [1000] * SPANS).SerializeToString()
                deadline = time.monotonic() + 2 * PATIENCE_SECONDS
                while service not in self.acknowledged and time.monotonic() < deadline:
                    try:
                        call(body, timeout=PATIENCE_SECONDS)
                    except grpc.RpcError as error:
                        self.statuses.add(error.code())
                        self.retry_seconds.append(_retry_seconds(error))
                        time.sleep(0.2)
                    else:
                        self.acknowledged.add(service)


def _retry_seconds(error: grpc.RpcError) -> int | None:
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    retry = error_details_pb2.RetryInfo()
    if details is None or not status_pb2.Status.FromString(details).details[0].Unpack(retry):
        return None
    return retry.retry_delay.seconds


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited long enough"
        time.sleep(0.05)


# Refused in time, at the floor; and used up to the last block, so that the journal and the engine run into it.
@pytest.mark.parametrize("floor_mib", [32, 0])
def test_a_full_disk_loses_nothing_and_needs_no_restart(tmp_path, floor_mib):
    """Every acknowledged span is there, none twice, in the table and in the rollups; nothing is left in the journal."""
    try:
        with small_disk(tmp_path / "disk", DISK_MIB) as disk:
            _fill_and_recover(disk, floor_mib)
    except CannotMount as why:
        pytest.skip(f"no small disk can be mounted here: {why}")


def _fill_and_recover(disk, floor_mib: int) -> None:
    ballast = disk / "ballast"
    directory = disk / "data"
    with ServerProcess(directory, "--min-free-bytes", str(floor_mib * MIB)) as server:
        senders = Senders(server.grpc)
        for _ in range(ROUNDS):
            before = len(senders.acknowledged)
            wait_until(lambda before=before: len(senders.acknowledged) > before + 5)
            refusals = len(senders.retry_seconds)
            fill(ballast, leave_bytes=floor_mib * MIB // 2)
            wait_until(lambda refusals=refusals: len(senders.retry_seconds) >= refusals + 10)
            wait_until(lambda: server.get("/readyz").status_code == 503)
            answer = server.get("/api/v1/functions", limit="1")
            assert answer.status_code == 200, answer.text
            assert answer.json()["rows"][0]["calls"] >= SPANS
            assert server.get("/healthz").status_code == 200
            ballast.unlink()
            wait_until(lambda: server.get("/readyz").status_code == 200)
        senders.finish()
        families = text_string_to_metric_families(server.get("/metrics").text)
        counted = {sample.name: sample.value for family in families for sample in family.samples}
        assert server.stop() == 0
        log = server.log.read_text()
    assert senders.statuses == {grpc.StatusCode.UNAVAILABLE}
    assert None not in senders.retry_seconds
    assert "Traceback" not in log
    spans, minute, stats = read_back(
        directory,
        "SELECT ServiceName, count(), uniqExact(SpanId) FROM otel_traces GROUP BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName",
        "SELECT sum(DurationSquares) FROM span_stats_1h",
    )
    assert {row[0]: row[1:] for row in spans} == {name: [SPANS, SPANS] for name in senders.acknowledged}
    assert dict(minute) == dict.fromkeys(senders.acknowledged, SPANS)
    assert stats == [[len(senders.acknowledged) * SPANS * 1000.0**2]]
    assert counted["spanhouse_spans_stored_total"] == len(senders.acknowledged) * SPANS
    assert ("spanhouse_engine_errors_total" in counted) is (floor_mib == 0)
    assert list((directory / "inflight").iterdir()) == []
