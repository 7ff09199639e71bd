import time

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from otlp_receiver import attributes as decoded_attributes

from spanhouse_exporter.readable_encoder import ReadableEncoder

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalars = text | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary(max_size=200)
attribute_maps = st.dictionaries(text.filter(bool), scalars | st.lists(text, max_size=4), max_size=6)
instants = st.integers(1, 2**63)
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    trace_state=st.sampled_from([TraceState(), TraceState([("a", "1"), ("b", "2")])]),
)
resources = st.sampled_from([Resource({"service.name": "a"}), Resource({"service.name": "b"}, "https://schema")])
scopes = st.sampled_from([None, InstrumentationScope("s", "1"), InstrumentationScope("t", None, "u", {"k": 1})])
spans = st.builds(
    ReadableSpan,
    name=text,
    context=contexts,
    parent=st.none() | contexts,
    resource=resources,
    attributes=attribute_maps,
    events=st.lists(st.builds(Event, text, attribute_maps, instants), max_size=3),
    links=st.lists(st.builds(Link, contexts, attribute_maps), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=st.sampled_from([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR, "no")]),
    start_time=instants,
    end_time=instants,
    instrumentation_scope=scopes,
)


def comparable(request: ExportTraceServiceRequest) -> list:
    """A request without what the two encoders are meant to do differently: W3C flags and link trace state."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.flags &= ~0xFF
                if not (span.status.code or span.status.message):
                    span.ClearField("status")
                for link in span.links:
                    link.flags &= ~0xFF
                    link.trace_state = ""
    return sorted(request.resource_spans, key=lambda item: item.resource.SerializeToString())


@settings(max_examples=150)
@given(st.lists(spans, max_size=8))
def test_it_says_what_the_stock_encoder_says(given_spans):
    """Field by field, through the official classes; opentelemetry-proto trace.proto."""
    ours = ExportTraceServiceRequest.FromString(ReadableEncoder().request(given_spans))
    assert comparable(ours) == comparable(encode_spans(given_spans))


@given(contexts, st.none() | contexts)
def test_flags_and_link_state_are_complete(context, parent):
    """trace.proto, Span.flags: bits 0-7 W3C flags, bit 8 always, bit 9 when the parent is remote; Link.trace_state."""
    span = ReadableSpan("n", context, parent, Resource({}), links=[Link(context, {})], start_time=1, end_time=2)
    request = ExportTraceServiceRequest.FromString(ReadableEncoder().request([span]))
    decoded = request.resource_spans[0].scope_spans[0].spans[0]
    assert decoded.flags & 0xFF == context.trace_flags
    assert decoded.flags & 0x100
    assert bool(decoded.flags & 0x200) == bool(parent is not None and parent.is_remote)
    assert decoded.links[0].trace_state == context.trace_state.to_header()
    assert decoded.links[0].flags & 0xFF == context.trace_flags


def test_repeating_keys_and_resources_are_encoded_once_and_correctly():
    """The caches change nothing in the output, and do not grow without bound."""
    encoder = ReadableEncoder()
    resource = Resource({"service.name": "a"})
    context = SpanContext(1, 2, is_remote=False)
    for number in range(10_000):
        span = ReadableSpan(
            f"n{number}", context, None, resource, {f"k{number}": number}, start_time=time.time_ns(), end_time=1
        )
        request = ExportTraceServiceRequest.FromString(encoder.request([span]))
        decoded = request.resource_spans[0].scope_spans[0].spans[0]
        assert decoded.name == f"n{number}"
        assert decoded_attributes(decoded) == {f"k{number}": number}
    assert len(encoder._attributes._keys) <= 4096
    assert len(encoder._names) <= 4096
