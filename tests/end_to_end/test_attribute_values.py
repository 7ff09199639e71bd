"""Attribute values: every kind comes out of the columns as text without loss, wherever attributes may stand."""

import base64
import json
import math
import time

import pytest
from harness import EXPORT_LOGS, ServerProcess, read_back, stored_spans
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from otlp_requests import log_request, request


def array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def key_values(**values: AnyValue) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value) for key, value in values.items()]))


def text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def number(value: int) -> AnyValue:
    return AnyValue(int_value=value)


DEEP = array(array(number(1)), key_values(a=number(2)))

# kind: (value, the text it must come out as)
SCALARS = {
    "string": (text("a 'quoted' \"ünïcode\" \\ \n\x00 string"), "a 'quoted' \"ünïcode\" \\ \n\x00 string"),
    "string.empty": (text(""), ""),
    "bool.true": (AnyValue(bool_value=True), "true"),
    "bool.false": (AnyValue(bool_value=False), "false"),
    "int.zero": (number(0), "0"),
    "int.min": (number(-(2**63)), "-9223372036854775808"),
    "int.max": (number(2**63 - 1), "9223372036854775807"),
    "bytes": (AnyValue(bytes_value=b"\x00\xff\n"), "AP8K"),
    "bytes.empty": (AnyValue(bytes_value=b""), ""),
    "none": (AnyValue(), ""),
}
DOUBLES = [0.0, -0.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2.5, 1e21, math.inf, -math.inf, math.nan]
# name: (value, what the JSON text must load as)
NESTED = {
    "array.empty": (array(), []),
    "array.strings": (array(text("a/b"), text('"'), text("")), ["a/b", '"', ""]),
    "array.ints": (array(number(2**53 + 1), number(-1), number(0)), [2**53 + 1, -1, 0]),
    "array.bools": (array(AnyValue(bool_value=False), AnyValue(bool_value=True)), [False, True]),
    "array.doubles": (array(AnyValue(double_value=0.1), AnyValue(double_value=-1e300)), [0.1, -1e300]),
    "array.special": (array(AnyValue(double_value=math.nan), AnyValue(double_value=-math.inf)), ["nan", "-inf"]),
    "array.bytes": (array(AnyValue(bytes_value=b"\xff\x00")), ["/wA="]),
    "array.mixed": (array(number(1), text("1"), AnyValue(), AnyValue(bool_value=True)), [1, "1", None, True]),
    "array.of.empty": (array(array(), key_values()), [[], {}]),
    "list.empty": (key_values(), {}),
    "list": (key_values(a=number(1), b=text("x"), c=AnyValue()), {"a": 1, "b": "x", "c": None}),
    "array.deep": (
        array(number(0), DEEP),
        [0, base64.b64encode(DEEP.array_value.SerializeToString()).decode()],
    ),
    "list.deep": (
        key_values(k=key_values(d=DEEP)),
        {"k": base64.b64encode(key_values(d=DEEP).kvlist_value.SerializeToString()).decode()},
    ),
}

ALL = {key: value for key, (value, _) in (SCALARS | NESTED).items()}
ALL |= {f"double.{index}": AnyValue(double_value=value) for index, value in enumerate(DOUBLES)}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """One span that carries every kind in each place that has attributes, as it is stored."""
    message = request("values", [1], attributes=ALL)
    pairs = [KeyValue(key=key, value=value) for key, value in ALL.items()]
    pairs.append(KeyValue(key="no.value"))
    message.resource_spans[0].resource.attributes.extend(pairs)
    span = message.resource_spans[0].scope_spans[0].spans[0]
    del span.attributes[:]
    span.attributes.extend(pairs)
    span.events.add(name="first", time_unix_nano=1)
    span.events.add(name="second", time_unix_nano=2).attributes.extend(pairs)
    span.links.add(trace_id=b"t" * 16, span_id=b"s" * 8, trace_state="k=v").attributes.extend(pairs)
    directory = tmp_path_factory.mktemp("values") / "data"
    with ServerProcess(directory) as server:
        assert [code.name for code in server.export(message.SerializeToString())] == ["OK"]
        assert server.stop() == 0
    (row,) = stored_spans(directory)
    return row


@pytest.fixture(scope="module")
def stored_logs(tmp_path_factory):
    """(a log record that carries every kind in each place that has attributes, bodies of every kind by that kind)"""
    message = log_request("values", ["x"])
    pairs = [KeyValue(key=key, value=value) for key, value in ALL.items()]
    pairs.append(KeyValue(key="no.value"))
    message.resource_logs[0].resource.attributes.extend(pairs)
    scope_logs = message.resource_logs[0].scope_logs[0]
    scope_logs.scope.attributes.extend(pairs)
    scope_logs.log_records[0].attributes.extend(pairs)
    for kind, value in ALL.items():
        scope_logs.log_records.add(time_unix_nano=time.time_ns(), event_name=kind, body=value)
    directory = tmp_path_factory.mktemp("values") / "data"
    with ServerProcess(directory) as server:
        assert [code.name for code in server.export(message.SerializeToString(), method=EXPORT_LOGS)] == ["OK"]
        assert server.stop() == 0
    (row,), bodies = read_back(
        directory,
        "SELECT LogAttributes, ResourceAttributes, ScopeAttributes FROM otel_logs WHERE EventName = ''",
        "SELECT EventName, Body FROM otel_logs WHERE EventName != ''",
    )
    return row, dict(bodies)


def test_a_body_of_any_kind_comes_out_as_an_attribute_of_that_kind_does(stored_logs):
    (attributes, *_), bodies = stored_logs
    assert bodies == {kind: attributes[kind] for kind in ALL}


PLACES = ["span", "resource", "event", "link", "log record", "resource of logs", "scope of logs"]


@pytest.fixture(params=PLACES)
def attributes(request, stored, stored_logs):
    """The stored attributes of each place in turn."""
    (record, resource, scope), _ = stored_logs
    places = {
        "log record": record,
        "resource of logs": {key: value for key, value in resource.items() if key != "service.name"},
        "scope of logs": scope,
        "span": stored["SpanAttributes"],
        "resource": {key: value for key, value in stored["ResourceAttributes"].items() if key != "service.name"},
        "event": stored["Events.Attributes"][1],
        "link": stored["Links.Attributes"][0],
    }
    return places[request.param]


def test_no_attribute_is_lost_and_none_is_made_up(attributes):
    assert sorted(attributes) == sorted([*ALL, "no.value"])


@pytest.mark.parametrize("kind", SCALARS)
def test_a_scalar_comes_out_as_its_text(attributes, kind):
    assert attributes[kind] == SCALARS[kind][1]


def test_an_attribute_without_a_value_is_empty(attributes):
    assert attributes["no.value"] == ""


@pytest.mark.parametrize("index", range(len(DOUBLES)))
def test_a_double_reads_back_as_the_same_double(attributes, index):
    stored_value, sent = float(attributes[f"double.{index}"]), DOUBLES[index]
    assert math.copysign(1, stored_value) == math.copysign(1, sent) or math.isnan(sent)
    assert stored_value == sent or math.isnan(stored_value) is math.isnan(sent) is True


@pytest.mark.parametrize("kind", NESTED)
def test_arrays_and_lists_come_out_as_json(attributes, kind):
    assert json.loads(attributes[kind]) == NESTED[kind][1]


def test_json_is_as_searchable_as_what_was_sent(attributes):
    """A slash is not escaped: LIKE '%a/b%' finds it."""
    assert attributes["array.strings"] == '["a/b","\\"",""]'


def test_an_event_without_attributes_stays_without(stored):
    assert stored["Events.Attributes"][0] == {}
    assert stored["Events.Name"] == ["first", "second"]
