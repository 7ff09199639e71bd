"""`spanhouse.LogHandler` in this process: what a record becomes, and what logging never does to its program."""

import asyncio
import logging
import logging.config
import logging.handlers
import math
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal

import pytest
from harness import PATIENCE_SECONDS
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.instrumentation.log_utils import std_to_otel
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import thread_attributes
from opentelemetry.semconv.attributes import code_attributes, exception_attributes
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from otlp_receiver import attributes, receiving, value

import spanhouse
from spanhouse.limits import RecordLimits
from spanhouse.log_record import RecordEncoder

NOWHERE = "http://127.0.0.1:9"


@contextmanager
def logging_to(endpoint, **options):
    """(logger, handler): a logger with one handler, which exports there; in a tree without pytest's."""
    handler = spanhouse.LogHandler(endpoint=endpoint, **options)
    tree = logging.Manager(logging.RootLogger(1))
    logger = tree.getLogger("shop.orders")
    logger.manager = tree  # for getChild
    logger.addHandler(handler)
    try:
        yield logger, handler
    finally:
        handler.close()


@pytest.fixture
def logged():
    """(logger, handler, receiver)."""
    with receiving() as receiver, logging_to(receiver.endpoint) as (logger, handler):
        yield logger, handler, receiver


def sent(handler, receiver):
    """The records that have arrived when all was flushed."""
    assert handler.flush(PATIENCE_SECONDS)
    return receiver.records


def scopes(receiver):
    return [
        scope.scope.name
        for request in receiver.log_requests
        for resource in request.resource_logs
        for scope in resource.scope_logs
    ]


def of_resource(receiver):
    return attributes(receiver.log_requests[-1].resource_logs[0].resource)


def encoded(fields, **limits):
    """What the encoder makes of a record with these fields, as the official class reads it."""
    nowhere = {"thread": None, "threadName": None}
    record = logging.makeLogRecord({"levelno": 20, "levelname": "INFO", **nowhere, **fields})
    (found,) = ScopeLogs.FromString(RecordEncoder({}, RecordLimits(**limits)).encode(record, "said")).log_records
    return found


def test_what_a_record_says(logged):
    """Message, time, severity, logger, where it was logged, and what `extra` adds with its types."""
    logger, handler, receiver = logged
    logger.warning("order %d", 7, extra={"user": "ann", "count": 3, "ratio": 0.5, "paid": True, "tags": ["a", 2]})
    (record,) = sent(handler, receiver)
    assert value(record.body) == "order 7"
    assert (record.severity_number, record.severity_text) == (13, "WARN")
    assert 0 <= record.observed_time_unix_nano - record.time_unix_nano < 10**9
    assert scopes(receiver) == ["shop.orders"]
    found = attributes(record)
    assert found.pop(code_attributes.CODE_FILE_PATH) == __file__
    assert found.pop(code_attributes.CODE_FUNCTION_NAME) == "test_what_a_record_says"
    assert found.pop(code_attributes.CODE_LINE_NUMBER) > 1
    assert found.pop(thread_attributes.THREAD_ID) == threading.get_ident()
    assert found.pop(thread_attributes.THREAD_NAME) == threading.current_thread().name
    assert found == {"user": "ann", "count": 3, "ratio": 0.5, "paid": True, "tags": ["a", 2]}
    assert (record.trace_id, record.span_id, record.flags) == (b"", b"", 0)


@pytest.mark.parametrize("level", [*range(10, 61), 100])
def test_severities_are_those_of_opentelemetrys_handler(level):
    """The same numbers for every level from DEBUG on."""
    assert encoded({"levelno": level}).severity_number == std_to_otel(level).value


@pytest.mark.parametrize(
    ("level", "name", "expected"),
    [
        (0, "NOTSET", (0, "NOTSET")),
        (5, "FINE", (1, "FINE")),
        (30, "WARNING", (13, "WARN")),
        (50, "CRITICAL", (21, "FATAL")),
    ],
)
def test_severities_beside_them(level, name, expected):
    """Below DEBUG it is TRACE; two words are OpenTelemetry's."""
    found = encoded({"levelno": level, "levelname": name})
    assert (found.severity_number, found.severity_text) == expected


def test_a_record_names_the_captured_call(logged):
    """Ids and flags of the innermost captured call, in threads and tasks too; none outside."""
    logger, handler, receiver = logged
    memory = []

    @spanhouse.capture
    def work(number):
        memory.append(trace.get_current_span().get_span_context())
        logger.info("in %d", number)

    @spanhouse.capture
    async def later(number):
        await asyncio.sleep(0)
        work(number)

    async def all_of_them():
        await asyncio.gather(*(later(number) for number in range(3)))

    work(9)
    thread = threading.Thread(target=work, args=(8,))
    thread.start()
    thread.join()
    asyncio.run(all_of_them())
    logger.info("outside")
    records = sent(handler, receiver)
    outside = [record for record in records if value(record.body) == "outside"]
    assert [record.span_id for record in outside] == [b""]
    found = {(record.trace_id, record.span_id, record.flags) for record in records if record not in outside}
    wire = {(it.trace_id.to_bytes(16, "big"), it.span_id.to_bytes(8, "big"), int(it.trace_flags)) for it in memory}
    assert found == wire
    assert len(found) == 5


def test_a_record_names_any_span_that_is_current(logged):
    """Spans of the SDK, and remote ones; what is no valid span names nothing."""
    logger, handler, receiver = logged
    with TracerProvider().get_tracer("x").start_as_current_span("theirs") as theirs:
        logger.info("theirs")
    remote = NonRecordingSpan(SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(0)))
    with trace.use_span(remote):
        logger.info("remote")
    with trace.use_span(trace.INVALID_SPAN):
        logger.info("none")
    found = {value(record.body): (record.trace_id, record.span_id, record.flags) for record in sent(handler, receiver)}
    its = theirs.get_span_context()
    assert found["theirs"] == (its.trace_id.to_bytes(16, "big"), its.span_id.to_bytes(8, "big"), int(its.trace_flags))
    assert found["remote"] == ((5).to_bytes(16, "big"), (6).to_bytes(8, "big"), 0)
    assert found["none"] == (b"", b"", 0)


def test_an_exception_and_a_stack(logged):
    """exc_info as exception.*, stack_info as code.stacktrace; the message stays the message."""
    logger, handler, receiver = logged
    try:
        raise queue.Empty("nothing there")
    except queue.Empty:
        logger.exception("failed", stack_info=True)
    logger.info("no exception", exc_info=True)  # noqa: LOG014 - what is tested
    failed, without = sent(handler, receiver)
    assert value(failed.body) == "failed"
    found = attributes(failed)
    assert found[exception_attributes.EXCEPTION_TYPE] == "_queue.Empty"
    assert found[exception_attributes.EXCEPTION_MESSAGE] == "nothing there"
    assert found[exception_attributes.EXCEPTION_STACKTRACE].startswith("Traceback (most recent call last):\n")
    assert found[exception_attributes.EXCEPTION_STACKTRACE].endswith("_queue.Empty: nothing there\n")
    assert "test_an_exception_and_a_stack" in found[code_attributes.CODE_STACKTRACE]
    assert not [name for name in attributes(without) if name.startswith("exception.")]


def test_records_of_other_processes():
    """What `makeLogRecord` makes of what was sent: text instead of an exception, and nothing of what is not known."""
    found = encoded({"exc_text": "Traceback ...", "created": 1.5, "pathname": ""})
    assert found.time_unix_nano == 1_500_000_000
    assert attributes(found) == {"exception.stacktrace": "Traceback ..."}


def test_a_formatter_says_what_is_said(logged):
    """The handler's formatter makes the body."""
    logger, handler, receiver = logged
    handler.setFormatter(logging.Formatter("%(levelname)s|%(message)s|%(asctime)s", datefmt="then"))
    logger.info("hello %s", "you", extra={"a": 1})
    (record,) = sent(handler, receiver)
    assert value(record.body) == "INFO|hello you|then"
    assert not {"message", "asctime"} & set(attributes(record))


def test_the_format_of_basic_config_is_none(logged):
    """`basicConfig` gives its own to handlers that have none: what it adds is in columns already."""
    logger, handler, receiver = logged
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logger.info("hello")
    (record,) = sent(handler, receiver)
    assert value(record.body) == "hello"


def test_one_entry_of_dict_config():
    """`{"class": "spanhouse.LogHandler"}` with every option beside it."""
    with receiving() as receiver:
        entry = {
            "class": "spanhouse.LogHandler",
            "level": "INFO",
            "flush_level": "CRITICAL",
            "capacity_bytes": 1 << 20,
            "endpoint": receiver.endpoint,
            "service": "billing",
            "prefix": "eu.",
            "suffix": ".v2",
            "attributes": {"team": "payments"},
        }
        logger = {"handlers": ["spanhouse"], "level": "DEBUG", "propagate": False}
        config = {"version": 1, "disable_existing_loggers": False, "loggers": {"dict.config": logger}}
        logging.config.dictConfig(config | {"handlers": {"spanhouse": entry}})
        (handler,) = logging.getLogger("dict.config").handlers
        try:
            logging.getLogger("dict.config").debug("not of that level")
            logging.getLogger("dict.config").info("kept")
            (record,) = sent(handler, receiver)
        finally:
            logging.getLogger("dict.config").removeHandler(handler)
            handler.close()
        assert value(record.body) == "kept"
        assert attributes(record)["team"] == "payments"
        assert scopes(receiver) == ["eu.dict.config.v2"]
        assert of_resource(receiver)["service.name"] == "billing"


@pytest.mark.parametrize(
    "options",
    [
        {"flush_level": "LOUD"},
        {"flush_level": 1.5},
        {"capacity_bytes": 0},
        {"capacity_bytes": "64 MiB"},
        {"endpoint": ""},
        {"endpoint": 7},
        {"service": 7},
        {"prefix": None},
        {"suffix": b"x"},
    ],
)
def test_options_that_make_no_sense(options):
    """ConfigurationError, a ValueError, names the option."""
    (name,) = options
    with pytest.raises(spanhouse.ConfigurationError, match=rf"LogHandler\({name}="):
        spanhouse.LogHandler(**options)


def test_the_resource_is_that_of_the_spans():
    """The service, and the instance of it, are those that the spans of this process name; `service` names another."""
    with receiving() as receiver:
        spanhouse.configure(service_name="shop", endpoint=receiver.endpoint, resource_attributes={"zone": "a"})
        with logging_to(receiver.endpoint) as (logger, handler), spanhouse.span("work"):
            logger.info("beside it")
            sent(handler, receiver)
        assert spanhouse.flush(PATIENCE_SECONDS)
        assert of_resource(receiver) == receiver.resource()
        assert of_resource(receiver)["zone"] == "a"
        with logging_to(receiver.endpoint, service="other") as (logger, handler):
            logger.info("of another")
            sent(handler, receiver)
        assert of_resource(receiver) == receiver.resource() | {"service.name": "other"}
        spanhouse.shutdown(5)


def test_the_resource_of_another_provider(monkeypatch):
    """Where the application has set a provider of the SDK, records are of its service."""
    provider = TracerProvider(resource=Resource({"service.name": "theirs"}))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with receiving() as receiver, logging_to(receiver.endpoint) as (logger, handler):
        logger.info("x")
        sent(handler, receiver)
        assert of_resource(receiver) == {"service.name": "theirs"}


def test_spanhouse_flush_delivers_records_too(logged):
    """One call before a program is frozen or leaves: spans and records."""
    logger, _handler, receiver = logged
    logger.info("x")
    assert spanhouse.flush(PATIENCE_SECONDS)
    assert receiver.bodies() == ["x"]


def test_an_event(logged):
    """`otel.event.name` makes an event of a record, as with OpenTelemetry's handler."""
    logger, handler, receiver = logged
    logger.info("clicked", extra={"otel.event.name": "shop.click", "button": "buy"})
    (record,) = sent(handler, receiver)
    assert record.event_name == "shop.click"
    assert attributes(record)["button"] == "buy"
    assert "otel.event.name" not in attributes(record)


def test_a_level_that_hurries(monkeypatch):
    """A record of `flush_level` takes what waits with it, long before the delay is over; nobody waits for it."""
    monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "3600000")
    with receiving() as receiver, logging_to(receiver.endpoint) as (logger, handler):
        logger.info("one")
        handler.flush(PATIENCE_SECONDS)
        logger.info("two")
        logger.error("three")
        receiver.wait_for_records(3, PATIENCE_SECONDS)
        assert receiver.bodies() == ["one", "three", "two"]


def test_bad_arguments_are_counted(logged, capsys):
    """`logger.info("%d", "x")` is no error of the program's: it is counted, and shown as logging shows it."""
    logger, handler, receiver = logged
    logger.info("%d", "x")
    assert "TypeError" in capsys.readouterr().err
    logging.raiseExceptions = False
    try:
        logger.info("%d", "y")
    finally:
        logging.raiseExceptions = True
    logger.info("good")
    assert [value(record.body) for record in sent(handler, receiver)] == ["good"]
    assert capsys.readouterr().err == ""
    assert dict(handler.status().dropped) == {"encoding_failed": 2}


class Unsayable:
    def __str__(self):
        raise RuntimeError("no text")

    def __repr__(self):
        return "Unsayable()"


class Chatty:
    """Logs while it is formatted, which a handler with a lock or a flag of its own would hang on or lose."""

    def __init__(self, logger):
        self.logger = logger

    def __str__(self):
        self.logger.info("inner")
        return "outer"


def test_a_message_without_text(logged, capsys):
    """Objects whose `__str__` raises: counted, and nothing but logging's own report."""
    logger, handler, receiver = logged
    logger.info(Unsayable())
    logger.info("%s", Unsayable())
    logger.info("good")
    assert [value(record.body) for record in sent(handler, receiver)] == ["good"]
    assert handler.status().dropped["encoding_failed"] == 2
    capsys.readouterr()


def test_logging_while_a_record_is_formatted(logged):
    """Both records arrive."""
    logger, handler, receiver = logged
    logger.info("%s", Chatty(logger))
    assert sorted(value(record.body) for record in sent(handler, receiver)) == ["inner", "outer"]


def test_a_filter_that_raises(logged, capsys):
    """A mistake in a filter is counted and reported like one in a record; other filters do what they say."""
    logger, handler, receiver = logged

    def broken(record):
        return {"keep": True, "drop": False}[record.msg]

    handler.addFilter(broken)
    for message in ("keep", "drop", "other"):
        logger.info(message)
    assert [value(record.body) for record in sent(handler, receiver)] == ["keep"]
    assert dict(handler.status().dropped) == {"encoding_failed": 1}
    assert "KeyError" in capsys.readouterr().err


def test_odd_extras():
    """Kept as far as OTLP can; a value without text is left out and counted, and so is a key that says nothing."""
    cyclic = []
    cyclic.append(cyclic)
    found = encoded(
        {
            3: "three",
            "": "no key",
            "unsayable": Unsayable(),
            "nothing": None,
            "cyclic": cyclic,
            "huge": 1 << 80,
            "decimal": Decimal("1.50"),
            "nan": math.nan,
            "bytes": bytearray(b"\xff"),
            "nested": {"a": {1: (2, None)}},
            "surrogate": "\ud800",
        }
    )
    kept = attributes(found)
    assert math.isnan(kept.pop("nan"))
    assert kept.pop("cyclic")
    assert kept == {
        "3": "three",
        "huge": str(1 << 80),
        "decimal": "1.50",
        "bytes": b"\xff",
        "nested": {"a": {"1": [2, None]}},
        "surrogate": "?",
    }
    assert found.dropped_attributes_count == 2


class Tagged(logging.LogRecord):
    """A record of a program's own class, which has more than what `extra` adds, and in another order."""

    def __init__(self, *args, **kwargs):
        self.tag = "before"
        super().__init__(*args, **kwargs)
        self.late = "after"


@pytest.mark.parametrize("formatted", [False, True])
def test_records_of_other_classes(formatted):
    """Whatever they carry is kept, wherever it is among their fields, also when formatters have added theirs."""
    record = Tagged("a", 20, "/x.py", 3, "said", (), None)
    del record.relativeCreated
    if formatted:
        logging.Formatter("%(asctime)s %(message)s").format(record)
    record.__dict__.update({"a": 1, "b": None})
    (found,) = ScopeLogs.FromString(RecordEncoder({}, RecordLimits()).encode(record, "said")).log_records
    kept = {name: kept for name, kept in attributes(found).items() if not name.startswith(("code.", "thread."))}
    assert kept == {"tag": "before", "late": "after", "a": 1}


def test_what_opentelemetrys_instrumentation_adds_is_not_kept_twice():
    """Its record factory gives four fields to every record of the program; all of them are columns."""
    added = {"otelTraceID": "ab", "otelSpanID": "cd", "otelTraceSampled": True, "otelServiceName": "shop"}
    assert attributes(encoded({**added, "a": 1})) == {"a": 1}


def test_names_of_ours_in_extra_win():
    """What the program says of itself replaces what the handler and its `attributes` say, and is there once."""
    record = logging.makeLogRecord({"levelno": 20, "thread.name": "mine", "team": "x", "lineno": 3})
    bytes_of_it = RecordEncoder({"team": "all"}, RecordLimits()).encode(record, "said")
    (found,) = ScopeLogs.FromString(bytes_of_it).log_records
    keys = [pair.key for pair in found.attributes]
    assert len(keys) == len(set(keys))
    assert attributes(found)["thread.name"] == "mine"
    assert attributes(found)["team"] == "x"
    assert attributes(found)["code.line.number"] == 3


def test_attribute_limits(monkeypatch):
    """LogRecord Limits: the count leaves out what came last and says so, the length cuts values."""
    added = {f"k{number}": "abcdef" for number in range(200)}
    found = encoded(added)
    assert len(found.attributes) <= 128
    assert len(found.attributes) + found.dropped_attributes_count == 200 + len(attributes(encoded({})))
    assert attributes(encoded({"a": "abcdef"}, max_length=3))["a"] == "abc"
    monkeypatch.setenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "7")
    with receiving() as receiver, logging_to(receiver.endpoint, attributes={"team": "payments"}) as (logger, handler):
        logger.info("message", extra={"first": "abc", "second": "abc"})
        (record,) = sent(handler, receiver)
        assert attributes(record)["team"] == "pa"
        assert attributes(record)["first"] == "ab"
        assert "second" not in attributes(record)
        assert record.dropped_attributes_count == 1
        assert value(record.body) == "message"


_TEXT = st.text(max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.binary(max_size=8) | st.just(Unsayable()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(
    message=st.text(),
    added=st.dictionaries(_TEXT | st.integers() | st.none(), _VALUES, max_size=6),
    limit=st.none() | st.integers(0, 8),
)
@settings(max_examples=200)
def test_whatever_is_added_is_a_record_that_the_official_classes_read(message, added, limit):
    """No extra raises or makes bytes that are no record; each is an attribute under its key, or counted as dropped."""
    fields = set(vars(logging.makeLogRecord({})))
    added = {key: kept for key, kept in added.items() if key not in fields}
    record = logging.makeLogRecord({"levelno": 20, **added})
    bytes_of_it = RecordEncoder({}, RecordLimits(max_attributes=None, max_length=limit)).encode(record, message)
    (found,) = ScopeLogs.FromString(bytes_of_it).log_records
    assert value(found.body) == message.encode("utf-8", "replace").decode()
    names = {str(key).encode("utf-8", "replace").decode() for key, kept in added.items() if kept is not None}
    carried = {pair.key for pair in found.attributes}
    assert carried <= names | {"code.file.path", "code.line.number", "code.function.name", "thread.id", "thread.name"}
    for key, kept in added.items():
        if isinstance(key, str) and key and isinstance(kept, bool | str):
            expected = kept[:limit].encode("utf-8", "replace").decode() if isinstance(kept, str) else kept
            clean_key = key.encode("utf-8", "replace").decode()
            assert expected in [value(pair.value) for pair in found.attributes if pair.key == clean_key]


def test_a_full_queue_drops_counts_and_does_not_wait(tmp_path, monkeypatch):
    """Memory is bounded by bytes; every record is delivered, in the spool, waiting or counted as dropped."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")
    release = threading.Event()

    def hold(_request, _context):
        assert release.wait(60)
        return b""

    with receiving(hold) as receiver, logging_to(receiver.endpoint, capacity_bytes=100_000) as (logger, handler):
        for number in range(5_000):
            logger.info("number %d", number)
        release.set()
        assert handler.flush(PATIENCE_SECONDS)
        found = handler.status()
        assert found.dropped["queue_full"] > 0
        assert found.exported + found.dropped["queue_full"] == 5_000
        assert len(receiver.records) == found.exported


def test_a_record_beyond_any_request(logged):
    """Dropped and counted, and those around it arrive."""
    logger, handler, receiver = logged
    logger.info("before")
    logger.info("x" * (65 << 20))
    logger.info("after")
    assert handler.flush(PATIENCE_SECONDS)
    assert receiver.bodies() == ["after", "before"]
    assert dict(handler.status().dropped) == {"too_large": 1}


def test_the_lock_of_the_handler_is_nobodys_to_wait_for(logged):
    """A thread that holds it, in a fork or in a shutdown, keeps no other from logging."""
    logger, handler, receiver = logged
    handler.acquire()
    try:
        thread = threading.Thread(target=logger.info, args=("x",), daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        handler.release()
    assert [value(record.body) for record in sent(handler, receiver)] == ["x"]


def test_many_threads_and_loggers(logged):
    """Each record once, whoever logs it, also with more loggers than are gathered."""
    logger, handler, receiver = logged

    def work(thread):
        for number in range(400):
            logger.getChild(f"{thread}.{number}").info("%d of %d", number, thread)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bodies = [value(record.body) for record in sent(handler, receiver)]
    assert sorted(bodies) == sorted(f"{number} of {thread}" for thread in range(5) for number in range(400))
    assert len(handler._intakes) <= 1024


def test_behind_a_queue_of_loggings_own(logged):
    """A QueueHandler in front, as programs have it that come from a handler which waits."""
    _logger, handler, receiver = logged
    waiting = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, handler)
    listener.start()
    front = logging.getLogger("shop.queued")
    front.setLevel(logging.INFO)
    front.propagate = False
    in_front = logging.handlers.QueueHandler(waiting)
    front.addHandler(in_front)
    front.info("queued %d", 1, extra={"a": 1})
    front.removeHandler(in_front)
    listener.stop()
    (record,) = sent(handler, receiver)
    assert value(record.body) == "queued 1"
    assert attributes(record)["a"] == 1


def test_what_comes_after_close_is_counted(logged):
    """As too late, and nothing is sent."""
    logger, handler, receiver = logged
    logger.info("in time")
    handler.close()
    for _ in range(3):
        logger.info("too late")
    assert receiver.bodies() == ["in time"]
    assert dict(handler.status().dropped) == {"shutdown": 3}
    assert handler.status().queued == 0


@pytest.mark.parametrize("variable", [("SPANHOUSE_ENABLED", "0"), ("OTEL_SDK_DISABLED", "true")])
def test_switched_off(monkeypatch, variable):
    """Nothing is formatted, kept or sent."""
    monkeypatch.setenv(*variable)
    with receiving() as receiver, logging_to(receiver.endpoint) as (logger, handler):
        logger.error("%s", Unsayable())
        assert handler.flush(5)
        assert (receiver.raw_logs, handler.status()) == ([], spanhouse.ExporterStatus())


def test_what_is_said_about_its_own_export_is_not_exported(capsys):
    """A receiver that refuses causes a line for other handlers, or for standard error, and no further request."""

    def refuse(_request, context):
        import grpc  # noqa: PLC0415

        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such thing")

    with receiving(refuse) as receiver:
        handler = spanhouse.LogHandler(endpoint=receiver.endpoint)
        logger = logging.getLogger("spanhouse_exporter")
        logger.addHandler(handler)
        propagated, logger.propagate = logger.propagate, False
        try:
            logger.warning("of ours, about something else")
            assert handler.flush(PATIENCE_SECONDS)
            assert dict(handler.status().dropped) == {"export_failed": 1}
            logging.getLogger("spanhouse_exporter.logs").warning("about the export of logs")
            assert handler.status().queued == 0
        finally:
            logger.propagate = propagated
            logger.removeHandler(handler)
            handler.close()
    printed = capsys.readouterr().err
    assert "no such thing" in printed
    assert printed.count("about the export of logs") == 1


def test_what_its_worker_logs_is_not_exported(logged):
    """Lines of gRPC, say, in the thread that sends; the same logger's lines of other threads are."""
    logger, handler, receiver = logged
    theirs = logger.getChild("grpc")
    handler._pipeline.on_tick(lambda: theirs.warning("in the worker"))
    logger.info("x")
    assert handler.flush(PATIENCE_SECONDS)
    theirs.warning("elsewhere")
    assert handler.flush(PATIENCE_SECONDS)
    assert receiver.bodies() == ["elsewhere", "x"]


def test_status_of_a_receiver_that_is_away(tmp_path, monkeypatch):
    """What cannot be delivered is in the spool's folder for logs, and counted so."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
    with logging_to(NOWHERE) as (logger, handler):
        logger.info("x")
        assert handler.flush(PATIENCE_SECONDS)
        assert (handler.status().spooled, handler.status().failed) == (1, 0)
    assert list((tmp_path / "logs").glob("*.otlp"))


def test_threads_that_ask_for_the_resource_at_once_see_one_instance():
    """Spans and log records of a process are sent by two threads, and must be of the same instance."""

    def instance_of(provider, barrier):
        barrier.wait()
        return provider.identity()[0]["service.instance.id"]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            provider, barrier = spanhouse.TracerProvider(shutdown_on_exit=False), threading.Barrier(4)
            with ThreadPoolExecutor(4) as threads:
                found = [threads.submit(instance_of, provider, barrier) for _ in range(4)]
            assert len({it.result() for it in found}) == 1
    finally:
        sys.setswitchinterval(interval)
