"""OTLP JSON Protobuf Encoding (opentelemetry-proto, docs/specification.md), held against the official classes."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_agreement import REQUESTS, check_json
from otlp_documents import json_names, messages, otlp_json

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.otlp_json import BadField, Converter, logs_to_protobuf, traces_to_protobuf

NAMES = [*sorted(json_names(ExportTraceServiceRequest.DESCRIPTOR)), "unknown", "trace_id", ""]


def converted(document: Any) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(traces_to_protobuf(json.dumps(document).encode()))


def with_span(**fields: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def span_of(**fields: Any) -> Span:
    return converted(with_span(**fields)).resource_spans[0].scope_spans[0].spans[0]


def with_value(value: Any) -> dict[str, Any]:
    return with_span(attributes=[{"key": "k", "value": value}])


def value_of(value: Any) -> Any:
    return converted(with_value(value)).resource_spans[0].scope_spans[0].spans[0].attributes[0].value


def nested(depth: int, kind: str) -> dict[str, Any]:
    value: dict[str, Any] = {"intValue": 1}
    for _ in range(depth):
        item = value if kind == "arrayValue" else {"key": "k", "value": value}
        value = {kind: {"values": [item]}}
    return value


@pytest.mark.parametrize(
    "kind", [ExportTraceServiceRequest, ExportLogsServiceRequest, ExportMetricsServiceRequest], ids=lambda k: k.__name__
)
@given(data=st.data())
@settings(max_examples=60)
def test_a_message_comes_back_from_its_json_as_it_was(kind, data):
    message = data.draw(messages(kind))
    back = kind.FromString(Converter(kind.DESCRIPTOR)(json.dumps(otlp_json(message)).encode()))
    # By their bytes: NaN is not equal to itself.
    assert back.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["00" * 16, "NaN", "1e5", "12", "-1", "AAA=", "\ud800", 2**63, -(2**63) - 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


@given(st.one_of(ANY_JSON, ANY_JSON.map(lambda spans: with_span(name=spans, attributes=spans, links=[spans]))))
@settings(max_examples=300)
def test_any_json_check_json(document):
    check_json(json.dumps(document).encode())


@pytest.mark.parametrize("kind", REQUESTS.values(), ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=100)
def test_a_good_document_with_something_else_in_one_place_check_json(kind, data):
    document = {"resourceSpans": [], **otlp_json(data.draw(messages(kind)))}
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(ANY_JSON)
    check_json(json.dumps(document).encode())


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_any_bytes_are_converted_or_refused(body):
    check_json(body)


def test_ids_are_hexadecimal_in_either_case_in_spans_and_links():
    span = span_of(
        traceId="0AF7651916CD43DD8448EB211C80319c",
        spanId="b7ad6b7169203331",
        parentSpanId="",
        links=[{"traceId": "ff" * 16, "spanId": "Ff" * 8}],
    )
    assert span.trace_id == bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
    assert span.span_id == bytes.fromhex("b7ad6b7169203331")
    assert span.parent_span_id == b""
    assert (span.links[0].trace_id, span.links[0].span_id) == (b"\xff" * 16, b"\xff" * 8)


def test_ids_are_hexadecimal_in_log_records():
    record = {"traceId": "0AF7651916CD43DD8448EB211C80319c", "spanId": "B7ad6b7169203331", "eventName": "e"}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    message = ExportLogsServiceRequest.FromString(logs_to_protobuf(json.dumps(document).encode()))
    (converted_record,) = message.resource_logs[0].scope_logs[0].log_records
    assert converted_record.trace_id == bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
    assert converted_record.span_id == bytes.fromhex("b7ad6b7169203331")


@pytest.mark.parametrize("text", ["AP/+", "AP_-", "AP8=", "AP8", ""])
def test_bytes_values_are_base64_in_either_alphabet(text):
    padded = text.replace("_", "/").replace("-", "+").rstrip("=")
    assert value_of({"bytesValue": text}).bytes_value == base64.b64decode(padded + "=" * (-len(padded) % 4))


@pytest.mark.parametrize("number", [0, 1, 1_700_000_000_123_456_789, 2**64 - 1])
def test_64_bit_integers_are_numbers_or_strings(number):
    assert span_of(startTimeUnixNano=number).start_time_unix_nano == number
    assert span_of(startTimeUnixNano=str(number)).start_time_unix_nano == number
    assert value_of({"intValue": "-9223372036854775808"}).int_value == -(2**63)


def test_a_whole_number_in_exponent_notation_is_an_integer():
    assert traces_to_protobuf(b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"endTimeUnixNano":1.7e18}]}]}]}')
    assert span_of(endTimeUnixNano=1.7e18).end_time_unix_nano == 17 * 10**17


@pytest.mark.parametrize(
    ("written", "expected"), [("Infinity", math.inf), ("-Infinity", -math.inf), ("-1.5e3", -1500.0), (3, 3.0), (0, 0.0)]
)
def test_doubles_are_numbers_or_strings(written, expected):
    value = value_of({"doubleValue": written})
    assert value.double_value == expected
    assert value.WhichOneof("value") == "double_value"


def test_not_a_number_is_a_double():
    assert math.isnan(value_of({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize("value", [{"boolValue": False}, {"intValue": 0}, {"stringValue": ""}, {"arrayValue": {}}, {}])
def test_an_attribute_that_is_zero_or_empty_is_still_there(value):
    assert otlp_json(value_of(value)) == ({"intValue": "0"} if "intValue" in value else value)


def test_unknown_fields_are_left_out_at_any_depth():
    document = with_span(name="n", newThing={"a": [1, {"traceId": "not hex"}]}, events=[{"name": "e", "future": []}])
    document["resourceSpans"][0]["resource"] = {"entity": {"deep": [[[]]]}}
    document["more"] = "x"
    span = converted(document).resource_spans[0].scope_spans[0].spans[0]
    assert (span.name, span.events[0].name) == ("n", "e")


def test_names_are_lower_camel_case_only():
    """The original field names of the .proto files are unknown fields: protobuf's JSON knows them, OTLP's does not."""
    assert not converted({"resource_spans": [{"scopeSpans": []}]}).resource_spans
    assert span_of(trace_id="00" * 16, name="n").trace_id == b""


def test_null_is_a_field_that_is_not_there():
    span = span_of(name=None, attributes=None, status=None, kind=None, traceId=None)
    assert span == Span()
    assert value_of(None).WhichOneof("value") is None


def test_of_two_values_of_one_attribute_the_last_is_kept():
    """As a protobuf message would: two members of a oneof on the wire would be two values of one attribute."""
    written = traces_to_protobuf(json.dumps(with_value({"stringValue": "first", "intValue": "7"})).encode())
    assert b"first" not in written
    assert value_of({"stringValue": "first", "intValue": "7"}).int_value == 7


def test_half_a_surrogate_pair_becomes_a_replacement_character():
    """JavaScript cuts strings between the halves; one broken character is not worth a batch."""
    assert span_of(name="cut \ud83d").name == "cut \ufffd"
    assert span_of(name="whole \ud83d\ude00").name == "whole \U0001f600"


def test_a_byte_order_mark_is_no_part_of_the_json():
    assert traces_to_protobuf(b"\xef\xbb\xbf{}") == b""


PATH = "resourceSpans[0].scopeSpans[0].spans[0]"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (7, "the request: 7 is not an object"),
        ([], "the request: a list is not an object"),
        ({"resourceSpans": {}}, "resourceSpans: an object is not a list"),
        ({"resourceSpans": [None]}, "resourceSpans[0]: null is not an object"),
        (with_span(traceId="xyz"), f"{PATH}.traceId: 'xyz' is not hexadecimal"),
        (with_span(traceId="abc"), f"{PATH}.traceId: 'abc' has an odd number of digits"),
        (with_span(traceId="ab cd "), f"{PATH}.traceId: 'ab cd ' is not hexadecimal"),
        (with_span(traceId="٣٣"), f"{PATH}.traceId: '٣٣' is not hexadecimal"),
        (with_span(links=[{}, {"spanId": 1}]), f"{PATH}.links[1].spanId: 1 is not a hexadecimal string"),
        (
            with_span(kind="SPAN_KIND_SERVER"),
            f"{PATH}.kind: 'SPAN_KIND_SERVER' is not an integer, which enums are in OTLP's JSON",
        ),
        (with_span(kind=1.5), f"{PATH}.kind: 1.5 is not an integer"),
        (with_span(kind=True), f"{PATH}.kind: true is not an integer"),
        (with_span(name=1), f"{PATH}.name: 1 is not a string"),
        (with_span(flags=2**32), f"{PATH}.flags: 4294967296 is not between 0 and 4294967295"),
        (
            with_span(startTimeUnixNano="-1"),
            f'{PATH}.startTimeUnixNano: "-1" is not between 0 and 18446744073709551615'.replace('"', "'"),
        ),
        (with_span(startTimeUnixNano="1_000"), f"{PATH}.startTimeUnixNano: '1_000' is not an integer"),
        (with_span(startTimeUnixNano=[]), f"{PATH}.startTimeUnixNano: a list is not an integer"),
        (with_value({"boolValue": "true"}), f"{PATH}.attributes[0].value.boolValue: 'true' is not true or false"),
        (with_value({"doubleValue": "nan"}), f"{PATH}.attributes[0].value.doubleValue: 'nan' is not a number"),
        (with_value({"doubleValue": 10**400}), "is too large for a double"),
        (with_value({"bytesValue": "a*b"}), f"{PATH}.attributes[0].value.bytesValue: 'a*b' is not base64"),
        (with_value({"bytesValue": "a"}), f"{PATH}.attributes[0].value.bytesValue: 'a' is not base64"),
        (with_span(name="x", kind="y" * 1000), f"{PATH}.kind: '{'y' * 59}...' is not an integer"),
    ],
    ids=lambda value: value[-60:] if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_by_its_path(document, message):
    with pytest.raises(BadField) as caught:
        converted(document)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON: "),
        (b"{", "not JSON: "),
        (b"{} {}", "not JSON: Extra data"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: "),
        (b"\xff", "not UTF-8: invalid start byte at byte 0"),
        (b'{"a": ' + b"[" * 50_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused(body, message):
    with pytest.raises(MalformedData, match=message):
        traces_to_protobuf(body)


@pytest.mark.parametrize("kind", ["arrayValue", "kvlistValue"])
def test_values_may_be_nested_as_deep_as_opentelemetry_cuts_them_off_and_not_without_end(kind):
    assert traces_to_protobuf(json.dumps(with_value(nested(64, kind))).encode())
    with pytest.raises(MalformedData, match="nested too deeply"):
        traces_to_protobuf(json.dumps(with_value(nested(110, kind))).encode())
