import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from otlp_receiver import attributes as decoded_attributes
from otlp_receiver import value

from spanhouse_exporter.log_encoder import LogEncoder
from spanhouse_exporter.request_bytes import count_items

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalars = text | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary(max_size=200)
values = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text.filter(bool), inner, max_size=4),
    max_leaves=12,
)
attribute_maps = st.dictionaries(text.filter(bool), values, max_size=6)
instants = st.integers(1, 2**63)
contexts = st.just(SpanContext(0, 0, is_remote=False)) | st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3), TraceFlags(255)]),
)
resources = st.sampled_from([Resource({"service.name": "a"}), Resource({"service.name": "b"}, "https://schema")])
scopes = st.sampled_from([None, InstrumentationScope("s", "1"), InstrumentationScope("t", None, "u", {"k": 1})])


def in_context(context, **fields) -> LogRecord:
    return LogRecord(context=set_span_in_context(NonRecordingSpan(context)), **fields)


def limited(found: dict) -> BoundedAttributes:
    """What the SDK makes of attributes: kept up to a number, the others counted."""
    return BoundedAttributes(3, found, immutable=False, extended_attributes=True)


api_records = st.builds(
    in_context,
    contexts,
    timestamp=st.none() | instants,
    observed_timestamp=instants,
    severity_number=st.none() | st.sampled_from(SeverityNumber),
    severity_text=st.none() | text,
    body=values,
    attributes=st.none() | attribute_maps | attribute_maps.map(limited),
    event_name=st.none() | text,
)
records = st.builds(ReadableLogRecord, api_records, resources, scopes)


def comparable(request: ExportLogsServiceRequest) -> list:
    """A request without the one thing that the two encoders are meant to do differently: a body that there is not."""
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                if record.body.WhichOneof("value") is None:
                    record.ClearField("body")
    return sorted(request.resource_logs, key=lambda item: item.resource.SerializeToString())


def decoded(*given_records: ReadableLogRecord) -> list:
    """Log records as the official classes read them."""
    request = ExportLogsServiceRequest.FromString(LogEncoder().request(given_records))
    return [
        record for resource in request.resource_logs for scope in resource.scope_logs for record in scope.log_records
    ]


def saying(body, **fields) -> ReadableLogRecord:
    return ReadableLogRecord(LogRecord(body=body, **fields), Resource({}))


@settings(max_examples=150)
@given(st.lists(records, max_size=8))
def test_it_says_what_the_stock_encoder_says(given_records):
    """Field by field, through the official classes; opentelemetry-proto logs.proto."""
    request = LogEncoder().request(given_records)
    assert comparable(ExportLogsServiceRequest.FromString(request)) == comparable(encode_logs(given_records))
    assert count_items(request) == len(given_records)


@given(api_records)
def test_each_field_is_read_back(record):
    """LogRecord of logs.proto, against the record itself rather than against another encoder."""
    (found,) = decoded(ReadableLogRecord(record, Resource({})))
    assert found.time_unix_nano == (record.timestamp or 0)
    assert found.observed_time_unix_nano == record.observed_timestamp
    assert found.severity_number == (record.severity_number.value if record.severity_number else 0)
    assert found.severity_text == (record.severity_text or "")
    assert found.HasField("body") == (record.body is not None)
    assert value(found.body) == record.body
    assert decoded_attributes(found).keys() == dict(record.attributes or {}).keys()
    assert found.dropped_attributes_count == getattr(record.attributes, "dropped", 0)
    assert found.flags == record.trace_flags
    assert found.trace_id == (record.trace_id.to_bytes(16, "big") if record.trace_id else b"")
    assert found.span_id == (record.span_id.to_bytes(8, "big") if record.span_id else b"")
    assert found.event_name == (record.event_name or "")


class Opaque:
    def __str__(self) -> str:
        return "opaque"


@pytest.mark.parametrize(
    ("body", "expected"),
    [(Opaque(), "opaque"), ([1, Opaque()], [1, "opaque"]), (2**70, str(2**70)), ({"a": {1: None}}, {"a": {"1": None}})],
)
def test_a_body_of_any_type(body, expected):
    """Logs data model, "Field: Body" is any value: what OTLP has no type for is written as its text."""
    assert value(decoded(saying(body))[0].body) == expected


def test_records_keep_their_order_and_their_scopes():
    """One ScopeLogs for each scope, records in it in the order in which they came."""
    scope = [InstrumentationScope("a"), InstrumentationScope("b")]
    resource = Resource({})
    given_records = [ReadableLogRecord(LogRecord(body=number), resource, scope[number % 2]) for number in range(10)]
    (found,) = ExportLogsServiceRequest.FromString(LogEncoder().request(given_records)).resource_logs
    assert [(logs.scope.name, [record.body.int_value for record in logs.log_records]) for logs in found.scope_logs] == [
        ("a", [0, 2, 4, 6, 8]),
        ("b", [1, 3, 5, 7, 9]),
    ]


def test_what_repeats_is_encoded_once_and_correctly():
    """The caches change nothing in the output, and do not grow without bound."""
    encoder = LogEncoder()
    resource = Resource({"service.name": "a"})
    for number in range(10_000):
        record = ReadableLogRecord(LogRecord(severity_text=f"s{number}", attributes={f"k{number}": number}), resource)
        request = ExportLogsServiceRequest.FromString(encoder.request([record]))
        found = request.resource_logs[0].scope_logs[0].log_records[0]
        assert found.severity_text == f"s{number}"
        assert decoded_attributes(found) == {f"k{number}": number}
    assert len(encoder._attributes._keys) <= 4096
    assert len(encoder._severities) <= 4096
