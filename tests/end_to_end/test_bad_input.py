"""Bad input: each request gets its own status, and the good ones of the same group are stored."""

import random

import grpc
import pytest
from harness import EXPORT, EXPORT_LOGS, EXPORT_METRICS, ServerProcess, stored_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import gauge_request, log_request, request
from wire_bombs import varint

from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.journal import Journal
from spanhouse_backend.store.landing import TRACES

pytestmark = pytest.mark.over_both_stores

OK, INVALID = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT


def wrapped(inner: bytes) -> bytes:
    """A request whose framing is right whatever is inside its one ResourceSpans (shorter than 128 bytes)."""
    return b"\x0a" + bytes([len(inner)]) + inner


def with_length(whole: bytes, text: bytes, length: int) -> bytes:
    """A request with another length for one of its texts: in more bytes, which overwrite what comes next."""
    at = whole.index(text) - 1
    written = varint(length)
    return whole[:at] + written + whole[at + len(written) :]


GOOD = request("good", [1000]).SerializeToString()
# From 32 GiB to more than an allocation may be: the engine makes room before it reads.
BEYOND_MEMORY = [1 << 35, 1 << 48, 1 << 62, (1 << 64) - 1]

BAD = {
    "random bytes": random.Random(1).randbytes(500),
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "truncated": GOOD[:-7],
    "truncated inside": wrapped(GOOD[2:-7]),
    "a length past the end": b"\x0a\xff\xff\xff\xff\x0f" + GOOD,
    "garbage in a right frame": wrapped(b"\x12\x10" + b"\xff" * 20),
    "a string where a message belongs": wrapped(b"\x12\x05hello"),
    **{f"a name of {length} bytes": with_length(GOOD, b"module.function", length) for length in BEYOND_MEMORY},
}


GOOD_LOGS = log_request("good", ["hello"]).SerializeToString()

BAD_LOGS = {
    "random bytes": BAD["random bytes"],
    "text": BAD["text"],
    "truncated": GOOD_LOGS[:-7],
    "truncated inside": wrapped(b"\x12\x05\x12\x10abc"),
    "a length past the end": b"\x0a\xff\xff\xff\xff\x0f" + GOOD_LOGS,
    "garbage in a right frame": BAD["garbage in a right frame"],
    "a string where a message belongs": BAD["a string where a message belongs"],
    "a span where a log record belongs": GOOD,
    **{f"a body of {length} bytes": with_length(GOOD_LOGS, b"hello", length) for length in BEYOND_MEMORY},
}

GAUGE = gauge_request("good", [1.5])
GAUGE.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].attributes.add(key="what.was.measured")
GOOD_GAUGE = GAUGE.SerializeToString()

BAD_METRICS = {
    "random bytes": BAD["random bytes"],
    "truncated": GOOD_GAUGE[:-7],
    **{f"a key of {length} bytes": with_length(GOOD_GAUGE, b"what.was.measured", length) for length in BEYOND_MEMORY},
}


@pytest.mark.parametrize(
    ("method", "body"),
    [
        *(pytest.param(EXPORT, body, id=f"traces, {kind}") for kind, body in BAD.items()),
        *(pytest.param(EXPORT_LOGS, body, id=f"logs, {kind}") for kind, body in BAD_LOGS.items()),
        *(pytest.param(EXPORT_METRICS, body, id=f"metrics, {kind}") for kind, body in BAD_METRICS.items()),
    ],
)
def test_a_bad_request_alone_is_an_invalid_argument(shared_server, method, body):
    with grpc.insecure_channel(shared_server.grpc) as channel:
        call = channel.unary_unary(method)
        with pytest.raises(grpc.RpcError) as caught:
            call(body, timeout=60)
    assert caught.value.code() is INVALID
    assert caught.value.details()


def test_bad_requests_keep_no_good_one_waiting(shared_server):
    """What the sender is to blame for is not tried again: the server stays ready, and stores what comes next."""
    for method, good, bad in (
        (EXPORT, GOOD, BAD),
        (EXPORT_LOGS, GOOD_LOGS, BAD_LOGS),
        (EXPORT_METRICS, GOOD_GAUGE, BAD_METRICS),
    ):
        assert shared_server.export(*bad.values(), method=method) == [INVALID] * len(bad)
        assert shared_server.export(good, method=method) == [OK]
    assert shared_server.get("/readyz").text == "ready\n"


def test_a_broken_request_that_an_earlier_server_kept_for_another_try_is_given_up(tmp_path):
    """Its sender was never told that it is stored, and what is sent meanwhile does not wait for it."""
    directory = tmp_path / "data"
    with ServerProcess(directory) as server:
        assert server.stop() == 0
    broken = frame(BAD[f"a name of {BEYOND_MEMORY[0]} bytes"])
    Journal(directory / "inflight").write(TRACES, join([broken]), [broken.identity])
    with ServerProcess(directory) as server:
        assert server.export(GOOD) == [OK]
        assert server.get("/readyz").text == "ready\n"
        assert server.stop() == 0
    assert list((directory / "inflight").iterdir()) == []
    assert len(stored_spans(directory, "ServiceName")) == 1


def test_an_empty_request_succeeds(shared_server):
    """OTLP: a request that holds nothing is a success."""
    assert shared_server.export(b"", ExportTraceServiceRequest().SerializeToString()) == [OK, OK]
    assert shared_server.export(b"", method=EXPORT_LOGS) == [OK]


def test_the_answer_to_a_good_request_is_the_empty_response(shared_server):
    """OTLP: full success leaves partial_success unset, which encodes to nothing."""
    with grpc.insecure_channel(shared_server.grpc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        assert call(GOOD, timeout=60) == b""


def test_good_requests_among_bad_ones_are_all_stored_once(tmp_path):
    """Sixty requests at once, every third bad in one way or another: statuses and rows both tell them apart."""
    requests, expected, services = [], [], []
    kinds = list(BAD.values())
    for index in range(60):
        if index % 3 == 2:
            requests.append(kinds[index // 3 % len(kinds)])
            expected.append(INVALID)
        else:
            services.append(f"service-{index}")
            requests.append(request(services[-1], [1000, 2000]).SerializeToString())
            expected.append(OK)
    with ServerProcess(tmp_path / "data") as server:
        assert server.export(*requests) == expected
        assert server.stop() == 0
    rows = stored_spans(tmp_path / "data", "ServiceName, count() AS Spans", "1 GROUP BY ServiceName, Timestamp")
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["ServiceName"])] = counts.get(str(row["ServiceName"]), 0) + int(str(row["Spans"]))
    assert counts == dict.fromkeys(services, 2)


def test_a_request_over_the_limit_is_resource_exhausted_alone(tmp_path):
    """OTLP: too large is RESOURCE_EXHAUSTED without RetryInfo, so that nobody sends it again."""
    small = request("small", [1000]).SerializeToString()
    large = request("large", [1000], name="n" * 70_000).SerializeToString()
    with ServerProcess(tmp_path / "data", "--max-request-bytes", "65536") as server:
        assert server.export(small, large, small) == [OK, grpc.StatusCode.RESOURCE_EXHAUSTED, OK]
        assert server.stop() == 0
    names = {row["ServiceName"] for row in stored_spans(tmp_path / "data", "ServiceName")}
    assert names == {"small"}


def test_a_compressed_request_is_measured_after_decompression(tmp_path):
    """A decompression bomb is refused by the same limit; an ordinary gzip request is stored."""
    bomb = request("bomb", [1000], name="n" * 10_000_000).SerializeToString()
    export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with ServerProcess(tmp_path / "data", "--max-request-bytes", "65536") as server:
        with grpc.insecure_channel(server.grpc, compression=grpc.Compression.Gzip) as channel:
            assert channel.unary_unary(export)(request("zip", [1]).SerializeToString(), timeout=60) == b""
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(export)(bomb, timeout=60)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.stop() == 0
    assert [row["ServiceName"] for row in stored_spans(tmp_path / "data", "ServiceName")] == ["zip"]


def test_an_unknown_signal_is_unimplemented(shared_server):
    with grpc.insecure_channel(shared_server.grpc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
