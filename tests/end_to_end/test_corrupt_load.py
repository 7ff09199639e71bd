"""Corrupt requests mixed into good load, through both doors: each refused alone, every good span stored once.

SPANHOUSE_CHAOS_ROUNDS multiplies the load: once in `make test`, twenty times in `make chaos`.
"""

import os
import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import grpc
import httpx
from google.protobuf.message import DecodeError
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_receiver import spans_in
from otlp_requests import request
from prometheus_client.parser import text_string_to_metric_families
from wire_bombs import varint

ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "1"))
# Of each kind, through each door, in one round.
EACH = 10
SPANS = 30
CLIENTS = 8
MAX_REQUEST_BYTES = 100_000
REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, 400}
TOO_LARGE = {grpc.StatusCode.RESOURCE_EXHAUSTED, 413}
TAKEN = {grpc.StatusCode.OK, 200}


class Sent(NamedTuple):
    """One request and how it was answered: a gRPC status or an HTTP one."""

    kind: str
    service: str
    status: object


def corrupt(kind: str, whole: bytes, chance: random.Random) -> bytes:
    """`whole`, damaged so that it cannot be taken; flipped bits may leave something that can."""
    if kind == "truncated":
        return whole[: chance.randrange(3, len(whole) - 1)]
    if kind == "deeply malformed":
        # The outer frame is right: only the engine can tell. A span's name gets a length that runs out of the span.
        at = whole.index(b"\x2a\x0fmodule.function")
        return whole[: at + 1] + b"\x7f" + whole[at + 2 :]
    if kind == "endless":
        # The same length, of more than any machine's memory.
        at = whole.index(b"\x2a\x0fmodule.function") + 1
        length = varint(1 << chance.randrange(44, 64))
        return whole[:at] + length + whole[at + len(length) :]
    if kind == "random":
        # One in a million is a request after all, of fields that nobody knows.
        while can_be_read(noise := chance.randbytes(len(whole))):
            pass
        return noise
    if kind == "oversize":
        return whole * (MAX_REQUEST_BYTES // len(whole) + 1)
    assert kind == "flipped"
    damaged = bytearray(whole)
    for _ in range(3):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def can_be_read(body: bytes) -> bool:
    try:
        ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        return False
    return True


EXPECTED = {
    "good": TAKEN,
    "truncated": REFUSED,
    "deeply malformed": REFUSED,
    "endless": REFUSED,
    "random": REFUSED,
    "oversize": TOO_LARGE,
    # A bit of a name or of an id makes another good span, or one that is refused alone.
    "flipped": REFUSED | TAKEN,
}


class Doors:
    """Sends a request through the door that it is for."""

    def __init__(self, server: ServerProcess) -> None:
        self._channel = grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)])
        self._export = self._channel.unary_unary(EXPORT)
        headers = {"Content-Type": "application/x-protobuf"}
        self._http = httpx.Client(base_url=f"http://{server.http}", headers=headers, timeout=PATIENCE_SECONDS)

    def send(self, kind: str, service: str, body: bytes) -> Sent:
        if service.startswith("http"):
            return Sent(kind, service, self._http.post("/v1/traces", content=body).status_code)
        try:
            self._export(body, timeout=PATIENCE_SECONDS)
        except grpc.RpcError as error:
            return Sent(kind, service, error.code())
        return Sent(kind, service, grpc.StatusCode.OK)

    def close(self) -> None:
        self._channel.close()
        self._http.close()


def request_of(service: str) -> ExportTraceServiceRequest:
    """With the same ids whenever it is asked, which no other service's has."""
    return request(service, [1000] * SPANS)


def span_ids(services: Iterable[str]) -> set[str]:
    return {span.span_id.hex() for service in services for span in spans_in([request_of(service).SerializeToString()])}


def make_load(chance: random.Random) -> list[tuple[str, str, bytes]]:
    """(kind, service, body) in random order. Good requests have two in three of the places."""
    kinds = [*EXPECTED, *["good"] * 11]
    load = []
    for door in ("grpc", "http"):
        for kind in kinds:
            for _ in range(EACH * ROUNDS):
                service = f"{door}-{kind}-{len(load)}"
                body = request_of(service).SerializeToString()
                load.append((kind, service, body if kind == "good" else corrupt(kind, body, chance)))
    chance.shuffle(load)
    return load


def test_corrupt_requests_are_refused_alone_and_good_ones_stored_once(tmp_path):
    """Whatever their neighbours in a group were; and the server says how many it refused."""
    seed = time.time_ns()
    load = make_load(random.Random(seed))
    directory = tmp_path / "data"
    # A flipped bit may make a span's time one of years ago: it is stored, and would soon be too old to be kept.
    kept = ("--retention", "spans=forever")
    with ServerProcess(directory, "--max-request-bytes", str(MAX_REQUEST_BYTES), *kept) as server:
        doors = Doors(server)
        with ThreadPoolExecutor(CLIENTS) as clients:
            sent = list(clients.map(lambda one: doors.send(*one), load))
        doors.close()
        families = text_string_to_metric_families(server.get("/metrics").text)
        counted = {sample.name: sample.value for family in families for sample in family.samples}
        ready_by = time.monotonic() + PATIENCE_SECONDS
        while (said := server.get("/readyz").text) != "ready\n":
            # Asked of a machine with no time it may say that it takes too long.
            assert time.monotonic() < ready_by, said
        assert server.stop() == 0
        log = server.log.read_text()
    assert [one for one in sent if one.status not in EXPECTED[one.kind]] == [], f"seed {seed}"
    assert "Traceback" not in log
    good = {one.service for one in sent if one.kind == "good"}
    assert len(good) == 2 * 12 * EACH * ROUNDS
    spans, minute, ((stored,),), ((rejected,),) = read_back(
        directory,
        "SELECT ServiceName, count(), uniqExact(SpanId) FROM otel_traces WHERE ServiceName LIKE '%-good-%' GROUP BY 1",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m WHERE ServiceName LIKE '%-good-%' GROUP BY 1",
        "SELECT count() FROM otel_traces",
        "SELECT count() FROM spanhouse_rejected",
    )
    assert {row[0]: row[1:] for row in spans} == {name: [SPANS, SPANS] for name in good}
    assert dict(minute) == dict.fromkeys(good, SPANS)
    # Nothing of what was refused whole is there. By ids: a flipped bit of a name can make it that of another request.
    refused = [one.service for one in sent if one.status not in TAKEN]
    (whole,) = read_back(directory, "SELECT DISTINCT SpanId FROM otel_traces")
    assert span_ids(good) <= {span_id for (span_id,) in whole}
    assert span_ids(refused) & {span_id for (span_id,) in whole} == set(), f"seed {seed}"
    assert counted["spanhouse_spans_stored_total"] == stored, f"seed {seed}"
    assert counted.get("spanhouse_spans_rejected_total", 0) <= rejected
