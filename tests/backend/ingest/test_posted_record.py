"""Records as they are posted, against the OTLP log records that they become, read with the official classes."""

import json
import logging
import sys
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spanhouse_backend.ingest.log_writer import LogRequest
from spanhouse_backend.ingest.posted import BadRecord, Place, Posted
from spanhouse_backend.ingest.posted_record import add_record

ARRIVED_NS = 1_769_852_430_123_456_789
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def stored(record, service=""):
    """(service, logger, LogRecord) of the record."""
    request = LogRequest()
    add_record(request, dict(record), service, ARRIVED_NS)
    (resource,) = ExportLogsServiceRequest.FromString(request.to_bytes()).resource_logs
    (scope,) = resource.scope_logs
    (name,) = resource.resource.attributes
    assert name.key == "service.name"
    return name.value.string_value, scope.scope.name, scope.log_records[0]


def attributes(record: LogRecord) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in record.attributes}


def python_record(level=logging.WARNING, msg="hello %s", args=("world",), exc_info=None, **extra):
    record = logging.LogRecord("shop.pay", level, "/srv/shop/pay.py", 12, msg, args, exc_info, "charge", "a stack")
    return {**record.__dict__, **extra}


def test_everything_that_a_log_record_says_is_kept():
    """But for what follows from the rest."""
    given_record = python_record(user=7, tags=["a", {"b": None}], ratio=0.5, gold=True, nothing=None)
    service, logger, record = stored(given_record, "shop")
    assert (service, logger) == ("shop", "shop.pay")
    assert record.time_unix_nano == int(given_record["created"] * 1e9)
    assert (record.severity_number, record.severity_text) == (13, "WARN")
    assert record.body.string_value == "hello world"
    assert attributes(record) == {
        "code.file.path": "/srv/shop/pay.py",
        "code.line.number": 12,
        "code.function.name": "charge",
        "code.stacktrace": "a stack",
        "thread.id": given_record["thread"],
        "thread.name": "MainThread",
        "process.pid": given_record["process"],
        "process.name": "MainProcess",
        "user": 7,
        "tags": '["a",{"b":null}]',
        "ratio": 0.5,
        "gold": True,
    }


def test_chronologers_shape_becomes_the_same_record():
    """`ts`, `level` and `logrec` with its data and meta."""
    meta = python_record()
    for key in ("name", "created", "levelno", "levelname"):
        del meta[key]
    chronologers = {
        "name": "shop.pay", "ts": "2018-05-10 16:36:53.377493+00:00", "message": "hello world", "level": 30,
        "logrec": {"data": {"foo": 387}, "meta": meta},
    }  # fmt: skip
    _, logger, record = stored(chronologers)
    assert (logger, record.time_unix_nano) == ("shop.pay", 1525970213377493000)
    assert (record.severity_number, record.severity_text, record.body.string_value) == (13, "WARN", "hello world")
    of_python = stored(python_record(foo=387))[2]
    assert attributes(record) == attributes(of_python)


@pytest.mark.parametrize("time_key", ["time", "timestamp", "ts", "@timestamp"])
def test_the_plain_shape_has_its_words_in_any_of_their_spellings(time_key):
    plain = {
        time_key: "2026-01-31T09:40:30.123456789Z", "level": "error", "logger": "app", "message": "no",
        "service": "web", "trace_id": "AB" * 16, "span_id": "cd" * 8, "attributes": {"a": 1}, "extra": {"b": 2}, "c": 3,
    }  # fmt: skip
    service, logger, record = stored(plain, "another")
    assert (service, logger, record.time_unix_nano) == ("web", "app", ARRIVED_NS)
    assert (record.severity_number, record.severity_text) == (17, "error")
    assert (record.trace_id, record.span_id) == (b"\xab" * 16, b"\xcd" * 8)
    assert attributes(record) == {"a": 1, "b": 2, "c": 3}


def test_what_opentelemetrys_instrumentation_of_logging_adds_ties_a_record_to_its_span():
    added = {"otelTraceID": "ab" * 16, "otelSpanID": "cd" * 8, "otelTraceSampled": True, "otelServiceName": "shop"}
    service, _, record = stored(python_record(**added), "another")
    assert (service, record.trace_id, record.span_id) == ("shop", b"\xab" * 16, b"\xcd" * 8)
    assert not {key for key in attributes(record) if key.startswith("otel")}
    _, _, record = stored(python_record(otelTraceID="0", otelSpanID="0"))
    assert (record.trace_id, record.span_id) == (b"", b"")


def test_a_record_that_says_no_time_has_that_of_its_arrival_and_one_without_service_the_usual_name():
    service, logger, record = stored({"message": "hello"})
    assert (service, logger) == ("unknown_service", "")
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (0, ARRIVED_NS)


@pytest.mark.parametrize(
    ("given_level", "number", "text"),
    [
        ({"level": 35}, 16, "WARN"),
        ({"level": "40"}, 17, "ERROR"),
        ({"level": 20.0}, 9, "INFO"),
        ({"levelno": 25, "levelname": "NOTICE"}, 12, "NOTICE"),
        ({"levelno": 50, "levelname": "CRITICAL"}, 21, "FATAL"),
        ({"severity": "Warning"}, 13, "Warning"),
        ({"severity_number": 10, "severity_text": "notice"}, 10, "notice"),
        ({"level": "loud"}, 0, "loud"),
        ({"level": None}, 0, ""),
        ({"level": 5}, 1, "TRACE"),
        ({"level": "info", "severity": "low"}, 9, "info"),
    ],
)
def test_levels_may_be_numbers_of_pythons_or_words(given_level, number, text):
    _, _, record = stored({"message": "x", **given_level})
    assert (record.severity_number, record.severity_text) == (number, text)


@pytest.mark.parametrize(
    ("fields", "message", "left"),
    [
        ({"msg": "%s is %d", "args": ["a", 7]}, "a is 7", {}),
        ({"msg": "%s is %d", "args": "('a', 7)"}, "a is 7", {}),
        ({"msg": "%(who)s!", "args": {"who": "me"}}, "me!", {}),
        ({"msg": "%(who)s!", "args": "{'who': 'me'}"}, "me!", {}),
        ({"msg": "100%", "args": []}, "100%", {}),
        ({"msg": "100%", "args": "()"}, "100%", {}),
        ({"msg": "100%"}, "100%", {}),
        ({"msg": {"a": [1]}}, '{"a":[1]}', {}),
        ({"msg": "no %s", "args": ["a", "b"]}, "no %s", {"args": '["a","b"]'}),
        ({"msg": "no %d", "args": "(<object at 0x7f>,)"}, "no %d", {"args": "(<object at 0x7f>,)"}),
        ({"msg": "the %s", "args": ["x"], "message": "the x"}, "the x", {}),
        ({"event": "structlog's", "user": 1}, "structlog's", {"user": 1}),
        ({"body": "x", "event": "click"}, "x", {"event": "click"}),
        ({"user": 1}, "", {"user": 1}),
    ],
)
def test_messages_are_put_together_as_logging_does_and_args_that_do_not_fit_are_kept(fields, message, left):
    _, _, record = stored(fields)
    assert (record.body.string_value, attributes(record)) == (message, left)


@pytest.mark.parametrize(
    ("msg", "args"),
    [
        ("%9999999999d", [1]),
        ("%.9999999999f", [1.0]),
        ("%*d", [10**9, 1]),
        ("%(a)s" * 50_000, {"a": "x" * 50_000}),
        ("%s", "[" * 8000),
        ("%s", "9**9**9**9"),
    ],
)
def test_no_message_makes_much_of_little(msg, args):
    """What would become huge, or take long, stays as it was sent."""
    tracemalloc.start()
    begun = time.process_time()
    _, _, record = stored({"msg": msg, "args": args})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert record.body.string_value == msg
    assert "args" in attributes(record)
    assert peak < 50_000_000
    assert time.process_time() - begun < 10


def test_an_exception_is_told_by_its_attributes():
    """Whether its traceback was formatted or not; of a chain, the last one."""
    try:
        try:
            raise KeyError("inner")
        except KeyError:
            raise ValueError("boom: twice\nover") from None
    except ValueError:
        exc_info = sys.exc_info()
    text = logging.Formatter().formatException(exc_info)
    told = {"exception.type": "ValueError", "exception.message": "boom: twice\nover"}
    base = set(attributes(stored(python_record())[2]))
    for fields in ({"exc_text": text, "exc_info": str(exc_info)}, {"exc_info": text}, {"exception": text}):
        found = attributes(stored(python_record() | fields)[2])
        assert {key: found[key] for key in set(found) - base} == told | {"exception.stacktrace": text}
    found = attributes(stored(python_record(exc_info=str(exc_info)))[2])
    assert {key: found[key] for key in set(found) - base} == told
    assert set(attributes(stored(python_record(exc_info=True))[2])) == base
    assert attributes(stored(python_record(exc_info="what?"))[2])["exc_info"] == "what?"


@pytest.mark.parametrize(
    ("record", "key", "problem"),
    [
        ({}, "", "there is nothing in it"),
        ({"created": "x"}, "created", "'x' is not a time"),
        ({"time": []}, "time", "a list is not a time"),
        ({"levelno": "high"}, "levelno", "'high' is no level"),
        ({"level": True}, "level", "true is no level"),
        ({"severity_number": 99}, "severity_number", "99 is not one of OpenTelemetry's, 1 to 24"),
        ({"trace_id": "xyz"}, "trace_id", "'xyz' is not 32 hexadecimal digits"),
        ({"trace_id": "ab" * 8}, "trace_id", "is not 32 hexadecimal digits"),
        ({"span_id": 7}, "span_id", "7 is not 16 hexadecimal digits"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_key(record, key, problem):
    with pytest.raises(BadRecord) as refused:
        stored(record)
    assert refused.value.key == key
    assert problem in refused.value.problem


@given(st.dictionaries(st.text() | st.sampled_from(sorted(python_record())), JSON_VALUES, min_size=1))
def test_any_object_is_a_record_or_is_refused_by_a_key_of_its_own(document):
    """Whatever is in it, nothing else comes of it, and what was written can be read."""
    record = json.loads(json.dumps(document))
    posted = Posted("", ARRIVED_NS)
    posted.add(Place(0), dict(record), add_record)
    assert len(posted.taken) + posted.refused == 1
    assert {problem.key for problem in posted.problems} <= record.keys()
    (message,) = map(ExportLogsServiceRequest.FromString, (request.to_bytes() for request in posted.requests))
    assert len(message.resource_logs) == len(posted.taken)


def test_half_a_surrogate_pair_is_worth_a_character_and_large_numbers_become_text():
    _, _, record = stored({"message": "cut \ud83d", "big": 1 << 70, "low": -(1 << 63)})
    assert record.body.string_value == "cut \ufffd"
    assert attributes(record) == {"big": str(1 << 70), "low": -(1 << 63)}


def test_values_that_are_equal_in_python_and_not_in_json_stay_apart():
    """Attributes' bytes are kept for the next record that has them: 1 is not true, nor 1.0."""
    request = LogRequest()
    for value in (1, True, 1.0, "1", 0, False, 1):
        add_record(request, {"message": "x", "a": value}, "", ARRIVED_NS)
    (resource,) = ExportLogsServiceRequest.FromString(request.to_bytes()).resource_logs
    found = [attributes(record)["a"] for record in resource.scope_logs[0].log_records]
    assert [(type(value), value) for value in found] == [
        (int, 1), (bool, True), (float, 1.0), (str, "1"), (int, 0), (bool, False), (int, 1)
    ]  # fmt: skip
