"""The estimate of what a request will cost: bombs are seen for what they are, at once, and ordinary requests pass."""

import time

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import log_request, request
from wire_bombs import BOMBS, LOG_BOMBS, METRIC_BOMBS, field

from spanhouse_backend.errors import TooLarge
from spanhouse_backend.ingest.framing import frame
from spanhouse_backend.ingest.signals import LOGS, METRICS, TRACES

MIB = 1 << 20
LIMIT = 512 * MIB


@pytest.mark.parametrize(
    ("signal", "kind"),
    [
        *((TRACES, kind) for kind in BOMBS),
        *((LOGS, kind) for kind in LOG_BOMBS),
        *((METRICS, kind) for kind in METRIC_BOMBS),
    ],
)
def test_a_bomb_is_refused_for_what_it_would_become(signal, kind):
    """Eight megabytes on the wire, and none of it takes longer to see through than a second."""
    bomb = (BOMBS | LOG_BOMBS | METRIC_BOMBS)[kind](8 * MIB)
    assert len(bomb) <= 8 * MIB + 1024
    begun = time.thread_time()
    with pytest.raises(TooLarge, match=f"send its {signal.records} in several requests"):
        frame(bomb, LIMIT, signal)
    assert time.thread_time() - begun < 5


def test_a_resource_counts_for_each_of_its_spans():
    """100 KB of it and 10,000 spans: 160 KB on the wire, and a gigabyte in the columns."""
    resource = field(1, field(1, b"k") + field(2, field(1, b"v" * 100_000)))
    spans = b"".join(field(2, field(1, b"t" * 4)) for _ in range(10_000))
    for body in (field(1, resource) + field(2, spans), field(2, spans) + field(1, resource)):
        assert frame(field(1, body)).engine_bytes > 1_000_000_000
        with pytest.raises(TooLarge):
            frame(field(1, body), LIMIT)


def test_packed_numbers_count_for_what_they_become():
    """A bucket that is a byte on the wire is eight in each of the columns that it goes through."""
    point = field(1, field(8, field(2, b"\x01" * 10_000)))
    request_bytes = field(1, field(2, field(2, field(10, point))))
    assert frame(request_bytes, signal=METRICS).engine_bytes > 50 * 10_000


def test_tags_written_long_count_like_others():
    """0x92 0x00 is 0x12: a parser takes it for a span, so it weighs as one."""
    short, long = (field(1, field(2, tag * 1000)) for tag in (b"\x12\x00", b"\x92\x00\x00"))
    assert len(ExportTraceServiceRequest.FromString(long).resource_spans[0].scope_spans[0].spans) == 1000
    assert frame(long).engine_bytes > frame(short).engine_bytes > 1_000_000


def test_ordinary_requests_weigh_a_small_multiple_of_their_size():
    """The largest batch that the Collector makes by default, with five attributes a span."""
    attributes = {f"http.request.header.{index}": AnyValue(string_value=f"value-{index}") for index in range(5)}
    batch = request("shop", [1000] * 8192, attributes=attributes).SerializeToString()
    framed = frame(batch, LIMIT)
    assert 1400 * 8192 < framed.engine_bytes < 50 * len(batch)
    logs = log_request("shop", ["user 42 logged in"] * 8192, attributes=attributes).SerializeToString()
    framed = frame(logs, LIMIT, LOGS)
    assert framed.records == 8192
    assert 1400 * 8192 < framed.engine_bytes < 50 * len(logs)


def test_large_requests_that_only_look_heavy_are_looked_into():
    """Text is full of bytes that are tags elsewhere: 60 MB of JSON in attributes is 60 MB."""
    text = AnyValue(string_value='{"Jj": "Zz"}\n' * 500_000)
    heavy = request("shop", [1000] * 10, attributes={"payload": text}).SerializeToString()
    assert len(heavy) > 60 * MIB
    assert frame(heavy, LIMIT).engine_bytes < 2 * len(heavy)


def test_looking_into_spans_finds_what_is_there():
    """Looked into or not, it is at least what the messages in it take, and no more than counting tags makes of it."""
    attributes = {"list": AnyValue(), "text": AnyValue(string_value="J" * 1000)}
    attributes["list"].array_value.values.extend([AnyValue(int_value=1)] * 30)
    batch = request("shop", [1000] * 100, attributes=attributes).SerializeToString()
    counted = frame(batch).engine_bytes
    looked = frame(batch, counted - 1).engine_bytes
    assert 100 * (1400 + 32 * 320) < looked < counted


def test_a_resource_for_each_span_passes():
    """What a Collector makes of 8,192 spans that all come from elsewhere."""
    one = {"resource": {"attributes": [{"key": "pod", "value": {"stringValue": "x" * 20}}]}, "schemaUrl": "https://x.y"}
    one["scopeSpans"] = [{"scope": {"name": "a", "version": "1"}, "spans": [{"name": "s", "traceId": "A" * 24}]}]
    batch = ParseDict({"resourceSpans": [one] * 8192}, ExportTraceServiceRequest()).SerializeToString()
    assert len(frame(batch, LIMIT).elements) == 8192


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=4))
def test_the_count_of_spans_is_that_of_the_official_classes(resources):
    """However spans are spread over resources and scopes, empty ones included."""
    message = ExportTraceServiceRequest()
    for scopes in resources:
        resource_spans = message.resource_spans.add()
        for spans in scopes:
            scope_spans = resource_spans.scope_spans.add()
            for index in range(spans):
                scope_spans.spans.add(name=f"span-{index}")
    assert frame(message.SerializeToString()).records == sum(sum(scopes) for scopes in resources)
