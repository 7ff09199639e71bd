"""A request with a wrong length in it is the sender's fault, however much memory the engine is asked for by it."""

import contextlib
from collections.abc import Iterator

import pytest
from clickhouse_servers import place_on
from google.protobuf.descriptor import Descriptor
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from otlp_agreement import REQUESTS
from otlp_documents import messages
from otlp_requests import request
from query_house import QueryHouse
from wire_bombs import varint

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.ingest.signals import SIGNALS, TRACES, Signal
from spanhouse_backend.ingest.wire import LENGTH, read_field
from spanhouse_backend.store.wholeness import is_whole

# From some KiB, which end past the request, to what no machine has.
LENGTHS = st.integers(12, 63).flatmap(lambda bits: st.integers(1 << bits, (2 << bits) - 1))


@pytest.fixture(scope="module")
def house(clickhouse) -> Iterator[QueryHouse]:
    """Tables of its own: what is stored here has any name and any time."""
    with QueryHouse(place_on(clickhouse, "wholeness")) as house:
        yield house


def lengths(data: bytes, kind: Descriptor, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where every length of a message at data[start:end] is, and where what it is the length of begins."""
    while start < end:
        tag, value, after = read_field(data, start, end)
        if tag & 7 == LENGTH:
            yield start + len(varint(tag)), value
            if inner := kind.fields_by_number[tag >> 3].message_type:
                yield from lengths(data, inner, value, after)
        start = after


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_wrong_length_is_refused_or_in_something_that_is_not_read(house: QueryHouse, signal: Signal, data):
    """Whatever is raised but MalformedData would be tried again for ever."""
    message = data.draw(messages(REQUESTS[signal]))
    sent = message.SerializeToString()
    places = list(lengths(sent, message.DESCRIPTOR, 0, len(sent)))
    assume(places)
    position, value = data.draw(st.sampled_from(places))
    with contextlib.suppress(MalformedData):
        framed = frame(sent[:position] + varint(data.draw(LENGTHS)) + sent[value:], signal=signal)
        outcome = house.run(house.store.insert(signal.landing, join([framed]), [framed.identity]))
        assert outcome.keys() == {framed.identity}
    assert house.run(house.store.recover()) is None


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
@given(data=st.data())
@settings(max_examples=100)
def test_what_the_official_classes_write_is_whole(signal, data):
    sent = [frame(data.draw(messages(REQUESTS[signal])).SerializeToString(), signal=signal) for _ in range(2)]
    assert is_whole(signal.landing, join(sent))


def test_what_lost_its_end_is_not_whole():
    body = join([frame(request("s", [1]).SerializeToString())])
    assert not any(is_whole(TRACES.landing, body[:end]) for end in range(1, len(body)))


def test_text_that_is_not_utf_8_is_whole():
    sent = request("s", [1]).SerializeToString().replace(b"module.function", b"module.functi\xf6n")
    assert is_whole(TRACES.landing, join([frame(sent)]))
