"""Spans that cannot be right: refused one by one, answered, kept with the reason, never in the way of the others."""

import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_requests import SECOND, request

DAY = 86_400 * SECOND
NOW = time.time_ns()

# What is done to a span, and the reason it is refused for.
WRONG = {
    "no trace id": ({"trace_id": b""}, "invalid trace_id"),
    "short trace id": ({"trace_id": b"x" * 15}, "invalid trace_id"),
    "long trace id": ({"trace_id": b"x" * 17}, "invalid trace_id"),
    "zero trace id": ({"trace_id": b"\0" * 16}, "invalid trace_id"),
    "no span id": ({"span_id": b""}, "invalid span_id"),
    "long span id": ({"span_id": b"x" * 9}, "invalid span_id"),
    "zero span id": ({"span_id": b"\0" * 8}, "invalid span_id"),
    "short parent": ({"parent_span_id": b"xyz"}, "invalid parent_span_id"),
    "backwards": ({"end_time_unix_nano": NOW - 120 * SECOND}, "ends before it starts"),
    "no end": ({"end_time_unix_nano": 0}, "ends before it starts"),
    "no start": ({"start_time_unix_nano": 0}, "starts too long ago"),
    "last century": ({"start_time_unix_nano": NOW - 40 * 365 * DAY}, "starts too long ago"),
    "next week": ({"start_time_unix_nano": NOW + 7 * DAY, "end_time_unix_nano": NOW + 8 * DAY}, "starts in the future"),
}


def with_wrong_span(service: str, fields: dict) -> bytes:
    """Three spans, the second with `fields` set."""
    message = request(service, [1000, 1000, 1000], start_ns=NOW - 60 * SECOND)
    span = message.resource_spans[0].scope_spans[0].spans[1]
    for name, value in fields.items():
        setattr(span, name, value)
    return message.SerializeToString()


def send(server: ServerProcess, *bodies: bytes) -> list[ExportTraceServiceResponse]:
    """The answers to requests that are sent all at once."""
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(EXPORT, response_deserializer=ExportTraceServiceResponse.FromString)
        futures = [call.future(body, timeout=PATIENCE_SECONDS) for body in bodies]
        return [future.result() for future in futures]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """(answers by kind, the same after a restart, stored counts, rejected rows)"""
    directory = tmp_path_factory.mktemp("rejected") / "data"
    bodies = {kind: with_wrong_span(kind, fields) for kind, (fields, _) in WRONG.items()}
    bodies["good"] = with_wrong_span("good", {})
    with ServerProcess(directory) as server:
        answers = dict(zip(bodies, send(server, *bodies.values()), strict=True))
        assert server.stop() == 0
    with ServerProcess(directory) as server:
        again = dict(zip(bodies, send(server, *bodies.values()), strict=True))
        assert server.stop() == 0
    stored, counted, rejected = read_back(
        directory,
        "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName",
        "SELECT ServiceName, Reason, TraceId, SpanId, StartUnixNano, EndUnixNano, SpanName FROM spanhouse_rejected",
    )
    return answers, again, dict(stored), dict(counted), {row[0]: row[1:] for row in rejected}


@pytest.mark.parametrize("kind", WRONG)
def test_the_answer_counts_the_refused_span_and_says_why(story, kind):
    answers, again, *_ = story
    partial = answers[kind].partial_success
    assert partial.rejected_spans == 1
    assert WRONG[kind][1] in partial.error_message
    assert again[kind] == answers[kind]  # whoever asks again, even after a restart, hears the same


def test_a_good_request_among_them_hears_nothing(story):
    answers, *_ = story
    assert not answers["good"].HasField("partial_success")


def test_the_other_spans_are_stored_once_and_counted(story):
    _, _, stored, counted, _ = story
    assert stored == counted == {**dict.fromkeys(WRONG, 2), "good": 3}


@pytest.mark.parametrize("kind", WRONG)
def test_what_was_refused_is_kept_as_it_was_sent(story, kind):
    *_, rejected = story
    fields, reason = WRONG[kind]
    row = rejected[kind]
    assert row[0] == reason
    if "trace_id" in fields:
        assert row[1] == fields["trace_id"].hex()
    if "span_id" in fields:
        assert row[2] == fields["span_id"].hex()
    assert row[3] == fields.get("start_time_unix_nano", row[3])
    assert row[4] == fields.get("end_time_unix_nano", row[4])
    assert row[5] == "module.function"


def test_the_bounds_of_time_can_be_set(tmp_path):
    old = with_wrong_span("old", {"start_time_unix_nano": NOW - 40 * 365 * DAY})
    recent = request("recent", [1], start_ns=NOW - 2 * 3600 * SECOND).SerializeToString()
    with ServerProcess(tmp_path / "any", "--max-span-age", "0") as server:
        assert not send(server, old)[0].HasField("partial_success")
    with ServerProcess(tmp_path / "hour", "--max-span-age", "1h") as server:
        assert send(server, recent)[0].partial_success.rejected_spans == 1


def test_overload_says_when_to_try_again(tmp_path):
    """RESOURCE_EXHAUSTED with RetryInfo, which is what makes it worth sending again (OTLP, "OTLP/gRPC Throttling").

    Who is refused later hears a later time, so that not all return at once.
    """
    bodies = [request(f"load-{index}", [1] * 200).SerializeToString() for index in range(60)]
    limit = str(len(bodies[0]) + 5000)
    with ServerProcess(tmp_path / "data", "--max-request-bytes", limit, "--max-waiting-bytes", limit) as server:
        with grpc.insecure_channel(server.grpc, options=[("grpc.enable_retries", 0)]) as channel:
            futures = [channel.unary_unary(EXPORT).future(body, timeout=PATIENCE_SECONDS) for body in bodies]
            codes = [future.code() for future in futures]
            refused = [future for future in futures if future.code() is grpc.StatusCode.RESOURCE_EXHAUSTED]
            details = [dict(future.trailing_metadata())["grpc-status-details-bin"] for future in refused]
        assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        delays = []
        for one in details:
            retry = error_details_pb2.RetryInfo()
            assert status_pb2.Status.FromString(one).details[0].Unpack(retry)
            delays.append(retry.retry_delay.ToMilliseconds())
        assert all(1000 <= delay <= 45_000 for delay in delays)
        assert len(set(delays)) > len(delays) / 2
        assert server.export(bodies[codes.index(grpc.StatusCode.RESOURCE_EXHAUSTED)]) == [grpc.StatusCode.OK]
