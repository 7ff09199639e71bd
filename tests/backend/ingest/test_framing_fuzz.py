"""Framing against the official parser: any bytes, and requests that were good before something happened to them."""

import re

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_agreement import REQUESTS, check_framing, count_records, resources
from otlp_documents import messages
from wire_bombs import field, varint

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame
from spanhouse_backend.ingest.signals import SIGNALS

MESSAGES = {kind: messages(kind).map(lambda message: message.SerializeToString()) for kind in REQUESTS.values()}
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
    data = bytearray(draw(st.one_of(*MESSAGES.values())))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        data[start:end] = draw(st.sampled_from([b"", bytes(data[start:end]) * 2]) | st.binary(max_size=4) | NUMBERS)
    return bytes(data)


@given(st.one_of(st.binary(max_size=80), NESTED, mutated()))
@settings(max_examples=1000)
def test_what_is_framed_is_what_the_official_parser_sees(data):
    check_framing(data)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@given(data=st.data())
@settings(max_examples=100)
def test_every_message_of_the_official_classes_is_framed(signal, data):
    sent = data.draw(MESSAGES[REQUESTS[signal]])
    framed = frame(sent, signal=signal)
    message = REQUESTS[signal].FromString(sent)
    assert len(framed.elements) == len(resources(message))
    assert framed.records == count_records(message)


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@given(data=st.one_of(NESTED, mutated()))
@settings(max_examples=500)
def test_what_the_official_parser_takes_is_framed(signal, data):
    """But for groups, which protobuf gave up before there was OTLP, and lengths of more than 64 bits.

    Of such a length the official parser of Python takes the lower bits, and we nothing.
    """
    try:
        REQUESTS[signal].FromString(data)
    except DecodeError:
        return
    problem = ""
    try:
        frame(data, signal=signal)
    except MalformedData as error:
        problem = str(error)
    assert re.search(r"^$|wire type 3|ends [0-9]{20,} bytes past the end", problem)
