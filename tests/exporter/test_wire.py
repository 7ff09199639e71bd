import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from otlp_receiver import value

from spanhouse_exporter import wire

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(values)
def test_any_value_is_read_back_by_the_official_classes(original):
    """AnyValue of opentelemetry-proto common.proto: every type, any nesting, 0, False and "" told from absent."""
    assert value(AnyValue.FromString(wire.any_value(original))) == original


@given(st.integers(0, 2**64 - 1))
def test_varint_is_read_back(number):
    """Protobuf encoding, "Base 128 Varints"."""
    assert list(wire.fields(wire.unsigned(7, number))) == ([(7, number)] if number else [])


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (2**63, str(2**63)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        ("\ud800x", "?x"),
        ({1: "a"}, {"1": "a"}),
        (frozenset(), "frozenset()"),
        (bytearray(b"ab"), b"ab"),
        ((1, "a", None), [1, "a", None]),
    ],
)
def test_what_otlp_has_no_type_for_becomes_the_nearest_thing(original, expected):
    """Integers beyond int64 and foreign types become text; text without UTF-8 loses only what has none."""
    assert value(AnyValue.FromString(wire.any_value(original))) == expected


def nested(depth: int, wrap) -> object:
    value: object = "innermost"
    for _ in range(depth):
        value = wrap(value)
    return value


def in_a_request(attribute: object) -> bytes:
    """The deepest place there is for a value: an attribute of an event of a span."""
    event = wire.string(2, "e") + wire.key_value(3, "k", attribute)
    scope = wire.length_delimited(2, wire.length_delimited(11, event))
    return wire.length_delimited(1, wire.length_delimited(2, scope))


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}], ids=["lists", "maps"])
def test_what_is_nested_too_deep_for_receivers_is_text(wrap):
    """The official classes refuse a request with 100 messages inside each other; a value never causes that."""
    for depth, kept in [(30, True), (31, False), (200, False)]:
        request = ExportTraceServiceRequest.FromString(in_a_request(nested(depth, wrap)))
        (attribute,) = request.resource_spans[0].scope_spans[0].spans[0].events[0].attributes
        assert (attribute.value.WhichOneof("value") != "string_value") is kept
        assert value(attribute.value) == (nested(depth, wrap) if kept else str(nested(depth, wrap)))


def test_what_contains_itself_is_text():
    """A list in itself, and two maps in each other, as Python writes them."""
    around: list[object] = [1]
    around.append(around)
    left: dict[str, object] = {}
    left.update(a=left, b={"left": left})
    for original in (around, left):
        assert value(AnyValue.FromString(wire.any_value(original))) == str(original)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-5, 5)))
def test_key_values_are_a_repeated_field(attributes):
    """KeyValueList.values has field number 1."""
    decoded = KeyValueList.FromString(wire.key_values(1, attributes))
    assert {pair.key: pair.value.int_value for pair in decoded.values} == attributes


def test_fields_reads_every_wire_type():
    """Numbers as integers, everything else as bytes."""
    message = wire.unsigned(1, 300) + wire.string(2, "x") + b"\x19" + struct.pack("<Q", 5) + b"\x25abcd"
    assert list(wire.fields(message)) == [(1, 300), (2, b"x"), (3, struct.pack("<Q", 5)), (4, b"abcd")]


@pytest.mark.parametrize("malformed", [b"\x08", b"\x0a\x05ab", b"\x0b", b"\x08" + b"\xff" * 11])
def test_malformed_messages_raise_value_error(malformed):
    """Truncated or unknown: never an IndexError, never silence."""
    with pytest.raises(ValueError, match=r"varint|field|wire type"):
        list(wire.fields(malformed))
