"""Framing: what is joined decodes to what was sent, and what is broken is refused before it can harm others."""

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import request

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import MAX_RESOURCES, Window, frame, join

GOOD = request("framing", [1, 2, 3]).SerializeToString()


def elements(framed):
    return [bytes(element) for element in framed.elements]


def test_a_request_frames_to_its_resource_spans():
    framed = frame(GOOD)
    assert elements(framed) == [GOOD[3:]]  # behind the tag and a length of two bytes
    assert framed.size == len(GOOD) - 3


def test_an_empty_request_frames_to_nothing():
    assert not frame(b"")
    assert frame(GOOD)


def test_the_identity_is_that_of_the_bytes():
    assert frame(GOOD).identity == frame(bytes(bytearray(GOOD))).identity
    assert frame(GOOD).identity != frame(GOOD + GOOD).identity
    assert len(frame(GOOD).identity) == 16


@pytest.mark.parametrize("unknown", [b"\x10\x05", b"\x19" + b"x" * 8, b"\x25" + b"x" * 4, b"\x32\x03abc"])
def test_fields_that_otlp_does_not_name_are_left_out(unknown):
    """One unknown field of each wire type, in front of, between and behind the known ones."""
    assert elements(frame(unknown + GOOD + unknown + GOOD + unknown)) == elements(frame(GOOD + GOOD))


def test_more_resources_than_anybody_needs_are_refused():
    """Each element costs time on the event loop: 64 MiB could hold thirty million."""
    assert len(frame(b"\x0a\x00" * MAX_RESOURCES).elements) == MAX_RESOURCES
    with pytest.raises(MalformedData, match="send several requests"):
        frame(b"\x0a\x00" * (MAX_RESOURCES + 1))


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
    framed = [frame(message.SerializeToString()) for message in requests]
    joined = decoded(join(framed, Window(5, 7)))
    for resource_spans, one in zip(joined.resource_spans, framed, strict=True):
        assert receipt_of(resource_spans) == {1: one.identity, 2: 5, 3: 7}
        resource_spans.DiscardUnknownFields()
    assert list(joined.resource_spans) == [
        resource_spans for message in requests for resource_spans in message.resource_spans
    ]


def test_a_receipt_that_a_sender_makes_up_does_not_count():
    """Ours comes last, and the last of a singular field wins."""
    forged = b"\xfa\x7f\x12\x0a\x10" + b"f" * 16
    body = GOOD[3:] + forged
    framed = frame(b"\x0a" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body)
    (resource_spans,) = decoded(join([framed])).resource_spans
    assert receipt_of(resource_spans)[1] == framed.identity


def decoded(body):
    length, prefix = 0, 0
    while body[prefix] & 0x80:
        length |= (body[prefix] & 0x7F) << (7 * prefix)
        prefix += 1
    length |= body[prefix] << (7 * prefix)
    assert length == len(body) - prefix - 1
    return ExportTraceServiceRequest.FromString(body[prefix + 1 :])


def receipt_of(resource_spans):
    """The fields of the last receipt: OTLP does not know it, so it is an unknown field to its classes."""
    *_, receipt = [field.data for field in UnknownFieldSet(resource_spans) if field.field_number == 2047]
    assert receipt[:2] == b"\x0a\x10"
    earliest, latest = (int.from_bytes(receipt[at : at + 8], "little") for at in (19, 28))
    return {1: bytes(receipt[2:18]), 2: earliest, 3: latest}


@given(st.binary(max_size=60))
def test_any_bytes_are_framed_or_refused(data):
    """Whatever passes has whole ResourceSpans fields only, all of them from the data."""
    try:
        framed = frame(data)
    except MalformedData:
        return
    assert framed.size == sum(map(len, framed.elements)) <= len(data)
    assert all(element in data for element in elements(framed))
