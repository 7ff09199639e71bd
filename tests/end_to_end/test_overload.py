"""Overload: many times what the server can take, through every door, and a small sender beside a flood.

SPANHOUSE_CHAOS_ROUNDS makes it long: a server with tight limits for seconds in `make test`, and one with the default
limits, against larger requests and for that many seconds, in `make chaos`.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import grpc
from floods import Account, Bodies, Client, LogBodies, grpc_sender, http_sender, lines_sender
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back, resident_peak_bytes
from otlp_over_http import JSON, PROTOBUF
from prometheus_client.parser import text_string_to_metric_families

MIB = 1 << 20
ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "1"))


class Scale(NamedTuple):
    """How hard: `large` is spans of the largest requests, `memory` what the server may hold at its peak."""

    limits: tuple[str, ...]
    large: int
    senders: int
    seconds: float
    memory: int


TIGHT = Scale(
    (
        *("--max-request-bytes", str(4 * MIB), "--max-json-bytes", str(MIB), "--max-waiting-bytes", str(6 * MIB)),
        *("--max-group-bytes", str(4 * MIB), "--max-insert-memory", str(96 * MIB)),
    ),
    large=20_000,
    senders=8,
    seconds=2,
    memory=900 * MIB,
)
DEFAULT = Scale((), large=200_000, senders=40, seconds=ROUNDS, memory=1500 * MIB)
SCALE = TIGHT if ROUNDS == 1 else DEFAULT


@contextmanager
def flood(server: ServerProcess, account: Account, scale: Scale) -> Iterator[None]:
    """Every kind of sender at once, until the block ends; then every request that is under way is answered."""
    small, large = Bodies(512), Bodies(scale.large)
    small_logs, large_logs = LogBodies(512), LogBodies(scale.large)
    stop = threading.Event()
    clients = [Client(account, stop, grpc_sender, large, server) for _ in range(scale.senders)]
    clients += [Client(account, stop, grpc_sender, small, server) for _ in range(4)]
    clients += [Client(account, stop, http_sender, large, server, PROTOBUF) for _ in range(scale.senders // 4)]
    clients += [Client(account, stop, http_sender, small, server, JSON) for _ in range(4)]
    clients += [Client(account, stop, grpc_sender, large_logs, server) for _ in range(scale.senders // 2)]
    clients += [Client(account, stop, grpc_sender, small_logs, server) for _ in range(2)]
    clients += [Client(account, stop, lines_sender, large_logs, server) for _ in range(scale.senders // 4)]
    clients += [Client(account, stop, lines_sender, small_logs, server) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def waiting_bytes(server: ServerProcess) -> float:
    families = text_string_to_metric_families(server.get("/metrics").text)
    return next(family.samples[0].value for family in families if family.name == "spanhouse_waiting_bytes")


def test_what_is_too_much_is_refused_with_a_time_to_come_again_and_what_is_taken_is_stored_once(tmp_path):
    """Memory stays under its bound, nothing else is answered, and the server is itself again when the flood ends."""
    directory = tmp_path / "data"
    account = Account()
    with ServerProcess(directory, *SCALE.limits) as server:
        begun = time.monotonic()
        with flood(server, account, SCALE):
            wait_for(
                lambda: (
                    {"StatusCode.OK", "StatusCode.RESOURCE_EXHAUSTED", "200", "429"}
                    <= account.statuses("traces").keys()
                    and {"StatusCode.OK", "StatusCode.RESOURCE_EXHAUSTED", "200"} <= account.statuses("logs").keys()
                    and time.monotonic() - begun > SCALE.seconds
                )
            )
        assert account.unexpected() == []
        assert resident_peak_bytes(server) < SCALE.memory
        wait_for(lambda: waiting_bytes(server) == 0)
        assert server.get("/readyz").status_code == 200
        for bodies in (Bodies(512), LogBodies(512)):
            with grpc_sender(server, bodies) as send:
                assert send(f"{bodies.signal}-afterwards").taken
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    stored, logs, minute = read_back(
        directory,
        "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName",
        "SELECT ServiceName, count() FROM otel_logs GROUP BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName",
    )
    assert dict(stored) == dict(minute) == account.stored("traces") | {"traces-afterwards": 512}
    assert dict(logs) == account.stored("logs") | {"logs-afterwards": 512}


def test_a_flood_on_one_connection_delays_itself_and_not_a_small_sender(tmp_path):
    """Forty large requests at a time on one connection are refused; on another, a span at a time, never."""
    flooding = Bodies(TIGHT.large)
    with (
        ServerProcess(tmp_path / "data", *TIGHT.limits) as server,
        grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)]) as channel,
        grpc_sender(server, Bodies(1)) as send,
    ):
        call = channel.unary_unary(EXPORT)
        under_way: list[grpc.Future] = []
        refused, answers = 0, []
        deadline = time.monotonic() + 2 * PATIENCE_SECONDS
        while len(answers) < 20 or refused < 20:
            assert time.monotonic() < deadline
            done = [future for future in under_way if future.done()]
            refused += sum(future.code() is grpc.StatusCode.RESOURCE_EXHAUSTED for future in done)
            under_way = [future for future in under_way if not future.done()]
            more = range(40 - len(under_way))
            under_way += [call.future(flooding.protobuf(f"flood-{time.time_ns()}-{n}"), timeout=120) for n in more]
            answers.append(send(f"small-{len(answers)}"))
        assert all(answer.taken for answer in answers)
        # Behind what is being inserted when it comes, and never behind all that the flood has waiting.
        assert max(answer.seconds for answer in answers) < PATIENCE_SECONDS / 4
        for future in under_way:
            future.cancel()
