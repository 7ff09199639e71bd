"""The log records of a trace."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.store.landing import LOGS

MS = 1_000_000
HOUR = 3600 * 1000 * MS


def records(trace_id: bytes, *made: tuple[int, str, str]) -> bytes:
    """OTLP of one service's records: when, severity, body."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="shop")))
    scope = resource_logs.scope_logs.add()
    scope.scope.name = "shop.checkout"
    for time_ns, severity, body in made:
        record = LogRecord(time_unix_nano=time_ns, severity_text=severity, trace_id=trace_id, span_id=b"S" * 8)
        record.severity_number = {"INFO": 9, "ERROR": 17}[severity]
        record.body.string_value = body
        record.attributes.append(KeyValue(key="user", value=AnyValue(string_value="ada")))
        scope.log_records.append(record)
    return message.SerializeToString()


def store_logs(house, body: bytes) -> None:
    house.run(house.store.insert(LOGS, join([frame(body)]), []))


def test_a_traces_records_come_in_order_of_time(house):
    """With their severities, attributes and span; those of another trace are not among them."""
    spans = request("shop", [1000], start_ns=MONDAY_10H, seed=77)
    trace_id = spans.resource_spans[0].scope_spans[0].spans[0].trace_id
    house.insert(spans)
    store_logs(
        house, records(trace_id, (MONDAY_10H + 2 * MS, "ERROR", "declined"), (MONDAY_10H, "INFO", "<b>begin</b>"))
    )
    store_logs(house, records(b"o" * 16, (MONDAY_10H, "INFO", "another")))
    answer = house.ask(Logs, trace_id=trace_id.hex())
    assert [(row.body, row.severity, row.severity_number) for row in answer.rows] == [
        ("<b>begin</b>", "INFO", 9),
        ("declined", "ERROR", 17),
    ]
    first = answer.rows[0]
    assert (first.service, first.scope, first.span_id, first.attributes) == (
        "shop",
        "shop.checkout",
        "53" * 8,
        {"user": "ada"},
    )
    assert (answer.from_ns, answer.to_ns) == (MONDAY_10H, MONDAY_10H + 2 * MS)
    assert house.ask(Logs, trace_id=trace_id.hex(), limit="1").rows == answer.rows[:1]


def test_records_without_spans_are_found_and_those_far_from_them_are_not(house):
    """Where spans say when the trace was, an hour around it is looked at; where none are stored, all there is."""
    store_logs(house, records(b"n" * 16, (MONDAY_10H, "INFO", "alone"), (MONDAY_10H + 5 * HOUR, "INFO", "later")))
    assert [row.body for row in house.ask(Logs, trace_id=(b"n" * 16).hex()).rows] == ["alone", "later"]
    spans = request("shop", [1000], start_ns=MONDAY_10H, seed=78)
    trace_id = spans.resource_spans[0].scope_spans[0].spans[0].trace_id
    house.insert(spans)
    times = (MONDAY_10H - HOUR // 2, MONDAY_10H + 5 * HOUR)
    store_logs(house, records(trace_id, *((time_ns, "INFO", str(time_ns)) for time_ns in times)))
    assert [row.time_unix_ns for row in house.ask(Logs, trace_id=trace_id.hex()).rows] == [times[0]]


def test_a_trace_id_is_needed_and_has_to_be_one(house):
    with pytest.raises(InvalidQuestion, match=r"^trace_id: "):
        house.ask(Logs, trace_id="xyz")
    with pytest.raises(InvalidQuestion, match=r"^trace_id: "):
        house.ask(Logs)
