"""Spans are counted without being decoded."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import request

from spanhouse_backend.ingest.framing import frame
from spanhouse_backend.ingest.span_count import count_spans


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=4))
def test_the_count_is_that_of_the_official_classes(resources):
    """However spans are spread over resources and scopes, empty ones included."""
    message = ExportTraceServiceRequest()
    for scopes in resources:
        resource_spans = message.resource_spans.add()
        for spans in scopes:
            scope_spans = resource_spans.scope_spans.add()
            for index in range(spans):
                scope_spans.spans.add(name=f"span-{index}")
    expected = sum(sum(scopes) for scopes in resources)
    assert count_spans(frame(message.SerializeToString()).elements) == expected


def test_what_does_not_decode_counts_as_none():
    whole = request("truncated", [1, 2]).resource_spans[0].SerializeToString()
    assert count_spans([memoryview(whole)]) == 2
    assert count_spans([memoryview(whole[:-3])]) == 0
