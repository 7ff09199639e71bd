"""OTLP logs: by every door, from stock exporters and from the spool, into the columns that Grafana and others know."""

import json
import logging
import time

import grpc
import httpx
import pytest
from google.protobuf import json_format
from harness import EXPORT, EXPORT_LOGS, PATIENCE_SECONDS, ServerProcess, read_back, spool_of
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from otlp_over_http import JSON, PROTOBUF, body_of, headers_of
from otlp_requests import SECOND, log_request
from wire_bombs import field

BOTH = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
COLUMNS = (
    "toUnixTimestamp64Nano(Timestamp)", "toUnixTimestamp(TimestampTime)", "TraceId", "SpanId", "TraceFlags",
    "SeverityText", "SeverityNumber", "Body", "ResourceSchemaUrl", "ScopeSchemaUrl", "ScopeName", "ScopeVersion",
    "ScopeAttributes", "LogAttributes", "EventName",
)  # fmt: skip
EVERYTHING = f"SELECT ServiceName, {', '.join(COLUMNS)} FROM otel_logs ORDER BY ServiceName, Timestamp"


def post(server: ServerProcess, content: bytes, media_type: str) -> httpx.Response:
    return httpx.post(f"http://{server.http}/v1/logs", content=content, headers=headers_of(media_type), timeout=60)


def answers(server: ServerProcess, *bodies: bytes) -> list[ExportLogsServiceResponse]:
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(EXPORT_LOGS, response_deserializer=ExportLogsServiceResponse.FromString)
        return [call(body, timeout=PATIENCE_SECONDS) for body in bodies]


def rich_request(service: str) -> ExportLogsServiceRequest:
    """A record with everything that a record can have."""
    message = log_request(service, ["hello"], time_ns=time.time_ns() // SECOND * SECOND)
    scope_logs = message.resource_logs[0].scope_logs[0]
    scope_logs.scope.attributes.append(KeyValue(key="library", value=AnyValue(bool_value=True)))
    record = scope_logs.log_records[0]
    record.trace_id, record.span_id, record.flags = bytes(range(16)), b"\xab" * 8, 0x1FF
    record.severity_number, record.severity_text, record.event_name = 17, "Fatality", "user.login"
    record.attributes.append(KeyValue(key="user", value=AnyValue(int_value=7)))
    return message


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """What a rich request becomes that came by each door: (what was sent, rows by door)."""
    directory = tmp_path_factory.mktemp("logs") / "data"
    sent = {door: rich_request(door) for door in ("grpc", PROTOBUF, JSON)}
    with ServerProcess(directory) as server:
        assert answers(server, sent["grpc"].SerializeToString()) == [ExportLogsServiceResponse()]
        for media_type in (PROTOBUF, JSON):
            response = post(server, body_of(sent[media_type], media_type), media_type)
            assert response.status_code == 200
            assert response.content == (b"" if media_type == PROTOBUF else b"{}")
        assert server.stop() == 0
    (rows,) = read_back(directory, EVERYTHING)
    return sent, {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize("door", ["grpc", PROTOBUF, JSON])
def test_every_field_is_in_the_column_of_the_collectors_exporter(stored, door):
    sent, rows = stored
    record = sent[door].resource_logs[0].scope_logs[0].log_records[0]
    assert rows[door] == {
        "toUnixTimestamp64Nano(Timestamp)": record.time_unix_nano,
        "toUnixTimestamp(TimestampTime)": record.time_unix_nano // SECOND,
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "abababababababab",
        "TraceFlags": 0xFF,
        "SeverityText": "Fatality",
        "SeverityNumber": 17,
        "Body": "hello",
        "ResourceSchemaUrl": "https://resource.example",
        "ScopeSchemaUrl": "https://scope.example",
        "ScopeName": "tests",
        "ScopeVersion": "1",
        "ScopeAttributes": {"library": "true"},
        "LogAttributes": {"user": "7"},
        "EventName": "user.login",
    }


# What is done to a record that is kept: the row that comes of it, as far as it is to be seen.
KEPT = {
    "no ids": ({"trace_id": b"", "span_id": b""}, {"TraceId": "", "SpanId": ""}),
    "ids of zeros": ({"trace_id": bytes(16), "span_id": bytes(8)}, {"TraceId": "", "SpanId": ""}),
    "short ids": ({"trace_id": b"x" * 15, "span_id": b"x" * 7}, {"TraceId": "", "SpanId": ""}),
    "long ids": ({"trace_id": b"x" * 17, "span_id": b"x" * 9}, {"TraceId": "", "SpanId": ""}),
    "a negative severity": ({"severity_number": -1}, {"SeverityNumber": 0}),
    "a severity beyond the last": ({"severity_number": 300}, {"SeverityNumber": 0}),
    "a severity that has no name yet": ({"severity_number": 25, "severity_text": ""}, {"SeverityNumber": 25}),
}


def test_a_record_is_kept_whatever_its_ids_and_severity_are(tmp_path):
    """logs.proto: a receiver takes a record with an invalid id for one that belongs to no trace, and keeps it."""
    bodies = []
    for kind, (fields, _) in KEPT.items():
        message = log_request(kind, ["x"])
        for name, value in fields.items():
            setattr(message.resource_logs[0].scope_logs[0].log_records[0], name, value)
        bodies.append(message.SerializeToString())
    with ServerProcess(tmp_path / "data") as server:
        assert answers(server, *bodies) == [ExportLogsServiceResponse()] * len(bodies)
        assert server.stop() == 0
    (rows,) = read_back(tmp_path / "data", EVERYTHING)
    found = {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows}
    for kind, (_, columns) in KEPT.items():
        assert {name: found[kind][name] for name in columns} == columns, kind


def test_a_record_without_a_time_has_that_of_its_observation_and_without_both_that_of_its_arrival(tmp_path):
    """logs.proto, LogRecord.time_unix_nano: zero is unknown, and observed_time_unix_nano is to be used in its place."""
    observed = log_request("observed", ["x"])
    record = observed.resource_logs[0].scope_logs[0].log_records[0]
    record.time_unix_nano = 0
    never = log_request("never", ["x"])
    never.resource_logs[0].scope_logs[0].log_records[0].ClearField("time_unix_nano")
    never.resource_logs[0].scope_logs[0].log_records[0].ClearField("observed_time_unix_nano")
    before = time.time_ns()
    with ServerProcess(tmp_path / "data") as server:
        assert (
            answers(server, observed.SerializeToString(), never.SerializeToString())
            == [ExportLogsServiceResponse()] * 2
        )
        assert server.stop() == 0
    (rows,) = read_back(
        tmp_path / "data", "SELECT toUnixTimestamp64Nano(Timestamp) FROM otel_logs ORDER BY ServiceName"
    )
    (arrived,), (as_observed,) = rows
    assert as_observed == record.observed_time_unix_nano
    assert before <= arrived <= time.time_ns()


def test_records_outside_the_bounds_of_time_are_refused_counted_and_kept_with_the_reason(tmp_path):
    """By every door, and again after a restart, the same answer; the others of the request are stored."""
    now = time.time_ns()
    message = log_request("bounds", ["first", "ancient", "next week", "last"], time_ns=now - 60 * SECOND)
    records = message.resource_logs[0].scope_logs[0].log_records
    records[1].time_unix_nano = now - 4000 * 86400 * SECOND
    records[2].time_unix_nano = now + 7 * 86400 * SECOND
    records[2].event_name = "early"
    body = message.SerializeToString()
    with ServerProcess(tmp_path / "data") as server:
        (answer,) = answers(server, body)
        assert server.stop() == 0
    assert answer.partial_success.rejected_log_records == 2
    assert "2 log records were refused, most of them because: made " in answer.partial_success.error_message
    with ServerProcess(tmp_path / "data") as server:
        assert answers(server, body) == [answer]
        response = post(server, body_of(message, JSON), JSON)
        assert response.json()["partialSuccess"]["rejectedLogRecords"] == "2"
        assert json_format.Parse(response.content, ExportLogsServiceResponse()) == answer
        assert server.stop() == 0
    stored, refused = read_back(
        tmp_path / "data",
        "SELECT Body FROM otel_logs ORDER BY Timestamp",
        "SELECT Signal, Reason, Body, SpanName, StartUnixNano, ServiceName FROM spanhouse_rejected ORDER BY Body",
    )
    assert stored == [["first"], ["last"]]
    assert refused == [
        ["logs", "made too long ago", "ancient", "", records[1].time_unix_nano, "bounds"],
        ["logs", "made in the future", "next week", "early", records[2].time_unix_nano, "bounds"],
    ]


def test_the_same_bytes_are_another_request_in_another_signal(tmp_path):
    """Field 9 of a span is an attribute and of a log record the trace id: this is a bad span, and a good record."""
    attribute = field(1, b"fourteen bytes")
    assert len(attribute) == 16
    both = field(1, field(2, field(2, field(9, attribute))))
    with ServerProcess(tmp_path / "data") as server:
        with grpc.insecure_channel(server.grpc) as channel:
            send = channel.unary_unary(EXPORT, response_deserializer=ExportTraceServiceResponse.FromString)
            as_traces = send(both, timeout=PATIENCE_SECONDS)
        assert as_traces.partial_success.rejected_spans == 1
        assert answers(server, both, both) == [ExportLogsServiceResponse()] * 2
        assert server.stop() == 0
    assert read_back(tmp_path / "data", "SELECT TraceId FROM otel_logs") == [[[attribute.hex()]]]


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_the_stock_exporters_deliver_unchanged(tmp_path, transport):
    """Python's logging through OpenTelemetry's handler: levels, arguments, extras, exceptions, and the span around."""
    with ServerProcess(tmp_path / "data") as server:
        provider = LoggerProvider(resource=Resource({"service.name": "stock"}))
        exporter = (
            GrpcLogExporter(endpoint=f"http://{server.grpc}", insecure=True, timeout=PATIENCE_SECONDS)
            if transport == "grpc"
            else HttpLogExporter(endpoint=f"http://{server.http}/v1/logs", timeout=PATIENCE_SECONDS)
        )
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = logging.getLogger(f"stock.{transport}")
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        logger.addHandler(LoggingHandler(logger_provider=provider))
        tracer = TracerProvider().get_tracer("tests")
        with tracer.start_as_current_span("around") as span:
            logger.warning("hello %s", "world", extra={"user": 7, "tags": ["a", "b"]})
        try:
            raise ValueError("boom")
        except ValueError:
            logger.exception("failed")
        for number in range(1000):  # more than one batch
            logger.debug("number %d", number)
        provider.shutdown()
        assert server.stop() == 0
    found, rest = read_back(
        tmp_path / "data",
        "SELECT Body, SeverityText, SeverityNumber, TraceId, SpanId, TraceFlags, ServiceName, ScopeName, LogAttributes "
        "FROM otel_logs WHERE SeverityNumber > 5 ORDER BY Timestamp",
        "SELECT count(), uniqExact(Body) FROM otel_logs WHERE SeverityNumber = 5",
    )
    assert rest == [[1000, 1000]]
    context = span.get_span_context()
    hello, failed = found
    ids = [f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags)]
    assert hello[:8] == ["hello world", "WARN", 13, *ids, "stock", f"stock.{transport}"]
    assert (hello[8]["user"], json.loads(hello[8]["tags"])) == ("7", ["a", "b"])
    assert failed[:6] == ["failed", "ERROR", 17, "", "", 0]
    assert (failed[8]["exception.type"], failed[8]["exception.message"]) == ("ValueError", "boom")
    assert "raise ValueError" in failed[8]["exception.stacktrace"]


def test_what_waits_in_the_folder_of_logs_is_taken_in_as_logs(tmp_path):
    """docs/spool.md: a running server finds it there; what is no whole request is set aside in that folder."""
    spool = spool_of(tmp_path / "data") / "logs"
    spool.mkdir(parents=True)
    (spool / "1-1-1.otlp").write_bytes(log_request("spooled", ["one", "two"]).SerializeToString())
    (spool / "2-1-1.otlp").write_bytes(b"\x0a\xff")
    with ServerProcess(tmp_path / "data") as server:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while list(spool.glob("*.otlp")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.stop() == 0
    assert [path.name for path in (spool / "corrupt").iterdir()] == ["2-1-1.otlp"]
    assert read_back(tmp_path / "data", "SELECT Body FROM otel_logs ORDER BY Body") == [[["one"], ["two"]]]


@BOTH
def test_a_body_that_does_not_decode_is_400_and_names_what_is_wrong(shared_server, media_type):
    wrong = b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}'
    response = post(shared_server, wrong if media_type == JSON else b"\x0a\xff", media_type)
    assert response.status_code == 400
    if media_type == JSON:
        problem = "resourceLogs[0].scopeLogs[0].logRecords[0].traceId: 'xyz' is not hexadecimal"
        assert response.json()["message"] == problem


def test_metrics_tell_log_records_from_spans(server):
    """What is stored and what is refused of each, and which signal an insert was of."""
    message = log_request("counted", ["a", "b", "c"])
    message.resource_logs[0].scope_logs[0].log_records[1].time_unix_nano = 1
    answers(server, message.SerializeToString())
    text = server.get("/metrics").text
    assert "spanhouse_log_records_received_total 3.0" in text
    assert "spanhouse_log_records_stored_total 2.0" in text
    assert 'spanhouse_log_records_rejected_total{reason="made too long ago"} 1.0' in text
    assert 'spanhouse_insert_records_sum{signal="logs"} 2.0' in text
    assert "spanhouse_spans_stored_total 0.0" in text
    assert 'spanhouse_requests_total{door="grpc",encoding="protobuf",signal="logs",status="OK"} 1.0' in text
