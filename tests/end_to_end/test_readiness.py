"""A server whose disk is below the floor: not ready, takes nothing, says when to come back, and still answers."""

import time
from collections.abc import Iterator

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess
from otlp_requests import request
from prometheus_client.parser import text_string_to_metric_families

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.ingest.signals import SIGNALS
from spanhouse_backend.query.query_grpc import QUERY_SERVICE
from spanhouse_backend.store.space import Space

# More than any disk has.
FLOOR = "1000000000000000000"
BODY = request("readiness", [1000]).SerializeToString()


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that finds its disk below the floor, over data that an earlier one stored."""
    directory = tmp_path_factory.mktemp("full") / "data"
    with ServerProcess(directory) as server:
        assert server.export(BODY) == [grpc.StatusCode.OK]
        assert server.stop() == 0
    with ServerProcess(directory, "--min-free-bytes", FLOOR) as server:
        yield server


def health(server: ServerProcess, service: str) -> str:
    with grpc.insecure_channel(server.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_SECONDS
        )
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def test_it_is_alive_and_not_ready_and_says_why(full):
    assert full.get("/healthz").status_code == 200
    response = full.get("/readyz")
    assert response.status_code == 503
    assert response.text.startswith("not ready: the data directory's disk has ")
    assert "--min-free-bytes" in response.text


def test_grpc_health_tells_ingest_from_queries(full):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while health(full, "") == "SERVING" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {health(full, name) for name in ("", *(one.service for one in SIGNALS))} == {"NOT_SERVING"}
    assert health(full, QUERY_SERVICE) == "SERVING"
    ready = [
        sample.value
        for family in text_string_to_metric_families(full.get("/metrics").text)
        for sample in family.samples
        if sample.name == "spanhouse_ready"
    ]
    assert ready == [0]


def test_requests_are_refused_for_now_through_both_doors(full):
    """UNAVAILABLE and 503, both with the time after which OTLP's clients send again."""
    with grpc.insecure_channel(full.grpc, options=[("grpc.enable_retries", 0)]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(EXPORT)(request("new", [1]).SerializeToString(), timeout=PATIENCE_SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    retry = error_details_pb2.RetryInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(retry)
    assert retry.retry_delay.seconds > 0
    headers = {"Content-Type": "application/x-protobuf"}
    body = request("b", [1]).SerializeToString()
    response = httpx.post(f"http://{full.http}/v1/traces", content=body, headers=headers, timeout=PATIENCE_SECONDS)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


def test_questions_are_answered_all_the_same(full):
    rows = full.get("/api/v1/functions").json()["rows"]
    assert [(row["service"], row["calls"]) for row in rows] == [("readiness", 1)]


def test_a_repeated_request_is_still_acknowledged(full):
    """What is stored needs no room."""
    assert full.export(BODY) == [grpc.StatusCode.OK]


def test_a_disk_that_does_not_answer_is_no_traceback(tmp_path):
    with pytest.raises(StoreUnavailable, match="disk does not answer: No such file"):
        Space(tmp_path / "gone", 1).require()
