"""Framing: what is joined decodes to what was sent, and what is broken is refused before it can harm others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import request

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame, join

GOOD = request("framing", [1, 2, 3]).SerializeToString()


def test_a_well_formed_request_is_passed_on_byte_for_byte():
    assert frame(GOOD) is GOOD


def test_an_empty_request_frames_to_nothing():
    assert frame(b"") == b""


@pytest.mark.parametrize("unknown", [b"\x10\x05", b"\x19" + b"x" * 8, b"\x25" + b"x" * 4, b"\x32\x03abc"])
def test_fields_that_otlp_does_not_name_are_left_out(unknown):
    """One unknown field of each wire type, in front of, between and behind the known ones."""
    framed = frame(unknown + GOOD + unknown + GOOD + unknown)
    assert framed == GOOD + GOOD


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"\x0a", "does not end"),
        (b"\x0a\x05abc", "2 bytes past the end"),
        (GOOD[:-1], "1 bytes past the end"),
        (b"\x0a" + b"\xff" * 11, "longer than 10 bytes"),
        (b"\x0b\x00", "wire type 3"),
        (b"\x00\x00", "field number 0"),
        (b"\x19abc", "past the end"),
        (b"\xff", "does not end"),
    ],
)
def test_broken_framing_is_refused_with_what_is_wrong(broken, message):
    with pytest.raises(MalformedData, match=message):
        frame(broken)


@given(st.lists(st.lists(st.integers(0, 2**40), max_size=3), max_size=5))
def test_joined_requests_decode_to_all_their_spans(durations):
    """The body behind its length prefix is itself an ExportTraceServiceRequest with everybody's ResourceSpans."""
    requests = [request(f"service-{index}", some) for index, some in enumerate(durations)]
    body = join([frame(message.SerializeToString()) for message in requests])
    length, prefix = 0, 0
    while body[prefix] & 0x80:
        length |= (body[prefix] & 0x7F) << (7 * prefix)
        prefix += 1
    length |= body[prefix] << (7 * prefix)
    assert length == len(body) - prefix - 1
    joined = ExportTraceServiceRequest.FromString(body[prefix + 1 :])
    expected = [resource_spans for message in requests for resource_spans in message.resource_spans]
    assert list(joined.resource_spans) == expected


@given(st.binary(max_size=60))
def test_any_bytes_are_framed_or_refused(data):
    """Whatever passes has whole ResourceSpans fields only: framing it again changes nothing."""
    try:
        framed = frame(data)
    except MalformedData:
        return
    assert frame(framed) == framed
    assert len(framed) <= len(data)
