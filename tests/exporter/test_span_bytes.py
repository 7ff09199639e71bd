from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from otlp_receiver import attributes

from spanhouse_exporter import span_bytes

ids8 = st.binary(min_size=8, max_size=8).filter(any)
ids16 = st.binary(min_size=16, max_size=16).filter(any)
instants = st.integers(0, 2**64 - 1)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(names, st.integers(1, 5), ids16, ids8, ids8, instants, instants, st.integers(0, 0x3FF), st.booleans())
def test_a_stamped_span_is_what_the_official_classes_read(
    name, kind, trace_id, span_id, parent_id, start, end, flags, root
):
    """trace.proto, Span: a template with six numbers stamped into it is an ordinary span."""
    constant = span_bytes.constant_fields(name, kind, span_bytes.attribute("k", "v" * 200))
    stamp_root, stamp_child = span_bytes.make_stamps(constant)
    if root:
        encoded = stamp_root(trace_id, span_id, start, end, flags)
    else:
        encoded = stamp_child(trace_id, span_id, parent_id, start, end, flags)
    (span,) = ScopeSpans.FromString(encoded).spans
    assert (span.name, span.kind, span.trace_id, span.span_id) == (name, kind, trace_id, span_id)
    assert span.parent_span_id == (b"" if root else parent_id)
    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.flags) == (start, end, flags)
    assert attributes(span) == {"k": "v" * 200}


@given(ids16, ids8, st.lists(st.integers(0, 3), min_size=3, max_size=3), st.sampled_from([0, 1, 2]))
def test_an_assembled_span_has_room_for_everything(trace_id, span_id, dropped, code):
    """trace.proto, Span: events, links, status, trace state and the three dropped counts."""
    parts = span_bytes.SpanParts(
        constant=span_bytes.constant_fields("n", 1, b""),
        trace_state="a=b",
        events=span_bytes.event("e", 7, span_bytes.event_attribute("x", 1.5), 2),
        links=span_bytes.link(trace_id, span_id, "c=d", 0x101, span_bytes.link_attribute("y", value=True), 3),
        status=span_bytes.status(code, "why" if code else ""),
        dropped_attributes=dropped[0],
        dropped_events=dropped[1],
        dropped_links=dropped[2],
    )
    (span,) = ScopeSpans.FromString(span_bytes.assemble(trace_id, span_id, b"", 1, 2, 0x101, parts)).spans
    assert span.trace_state == "a=b"
    assert [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count] == dropped
    (event,) = span.events
    assert (event.name, event.time_unix_nano, event.dropped_attributes_count) == ("e", 7, 2)
    assert attributes(event) == {"x": 1.5}
    (link,) = span.links
    assert (link.trace_id, link.span_id, link.trace_state, link.flags) == (trace_id, span_id, "c=d", 0x101)
    assert attributes(link) == {"y": True}
    assert (span.status.code, span.status.message) == (code, "why" if code else "")
