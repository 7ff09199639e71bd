"""Framing against the official parser: any bytes, and requests that were good before something happened to them."""

import re

from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_agreement import check_framing
from otlp_documents import messages
from wire_bombs import field, varint

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame

MESSAGES = messages(ExportTraceServiceRequest).map(lambda message: message.SerializeToString())
# What a walker of tags stumbles over: fields of any number and wire type, tags and lengths written long or too long.
NUMBERS = st.integers(0, 2**64 - 1).map(varint) | st.sampled_from(
    [b"\x80\x00", b"\x8a\x00", b"\x92\x80\x00", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 9 + b"\x02"]
)
NESTED = st.recursive(
    st.binary(max_size=6),
    lambda inner: st.lists(
        st.builds(field, st.integers(1, 3), inner)
        | st.builds(lambda tag, value: varint(tag) + value, st.integers(0, 127), NUMBERS)
        | NUMBERS,
        max_size=4,
    ).map(b"".join),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with up to three places cut out, repeated, flipped or filled with something else."""
    data = bytearray(draw(MESSAGES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        data[start:end] = draw(st.sampled_from([b"", bytes(data[start:end]) * 2]) | st.binary(max_size=4) | NUMBERS)
    return bytes(data)


@given(st.one_of(st.binary(max_size=80), NESTED, mutated()))
@settings(max_examples=1000, deadline=None)
def test_what_is_framed_is_what_the_official_parser_sees(data):
    check_framing(data)


@given(MESSAGES)
@settings(max_examples=100, deadline=None)
def test_every_message_of_the_official_classes_is_framed(data):
    message = ExportTraceServiceRequest.FromString(data)
    assert len(frame(data).elements) == len(message.resource_spans)


@given(st.one_of(NESTED, mutated()))
@settings(max_examples=500, deadline=None)
def test_what_the_official_parser_takes_is_framed(data):
    """But for groups, which protobuf gave up before there was OTLP, and lengths of more than 64 bits.

    Of such a length the official parser of Python takes the lower bits, and we nothing.
    """
    try:
        ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        return
    problem = ""
    try:
        frame(data)
    except MalformedData as error:
        problem = str(error)
    assert re.search(r"^$|wire type 3|ends [0-9]{20,} bytes past the end", problem)
