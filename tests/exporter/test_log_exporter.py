"""The exporter of log records under the SDK's processors, against a real receiver."""

import logging
import threading
from importlib.metadata import entry_points
from time import monotonic, sleep

import grpc
import pytest
from harness import PATIENCE_SECONDS
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from otlp_receiver import ask_to_wait, attributes, receiving, value

from spanhouse_exporter.log_exporter import SpanhouseLogExporter
from spanhouse_exporter.signals import LOGS
from spanhouse_exporter.spool import Spool

RESOURCE = Resource({"service.name": "logging"})
FAILURE, SUCCESS = LogRecordExportResult.FAILURE, LogRecordExportResult.SUCCESS


def records(*bodies) -> list[ReadableLogRecord]:
    return [ReadableLogRecord(LogRecord(body=body), RESOURCE) for body in bodies]


def spooled(folder) -> int:
    """Log records in the spool, left there."""
    count = 0
    for entry in Spool(folder / "logs", 1 << 30).entries():
        count += entry.item_count
        entry.release()
    return count


def later(_request, context):
    """A receiver that asks for its requests in 40 seconds."""
    ask_to_wait(context, grpc.StatusCode.UNAVAILABLE, 40)
    context.abort(grpc.StatusCode.UNAVAILABLE, "in a while")


def test_it_is_found_by_its_name():
    """SDK configuration: a LogRecordExporter subclass under opentelemetry_logs_exporter, made without arguments."""
    (entry,) = entry_points(group="opentelemetry_logs_exporter", name="spanhouse")
    assert issubclass(entry.load(), LogRecordExporter)
    entry.load()().shutdown()


@pytest.mark.parametrize("processor", [BatchLogRecordProcessor, SimpleLogRecordProcessor])
def test_it_delivers_under_the_sdks_processors(processor):
    """Logs SDK, "LogRecordExporter": every record once, with all that was said."""
    with receiving() as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
        provider.add_log_record_processor(processor(exporter))
        logger = provider.get_logger("app", "1.2")
        for number in range(300):
            logger.emit(
                body=f"message {number}",
                attributes={"number": number},
                severity_number=SeverityNumber.WARN,
                event_name="e",
            )
        provider.shutdown()
        assert sorted(attributes(record)["number"] for record in receiver.records) == list(range(300))
        assert {(record.severity_number, record.event_name) for record in receiver.records} == {(13, "e")}
        (resource,) = receiver.log_requests[0].resource_logs
        assert attributes(resource.resource) == {"service.name": "logging"}
        assert (resource.scope_logs[0].scope.name, resource.scope_logs[0].scope.version) == ("app", "1.2")
        assert (exporter.status().exported, exporter.status().failed) == (300, 0)
        assert receiver.raw == []


def test_any_number_of_threads_may_export():
    """OTLP, "OTLP/gRPC Concurrent Requests": every record of every thread once, and counted once."""
    with receiving() as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)

        def export(thread: int) -> None:
            for number in range(20):
                assert exporter.export(records(*range(100 * thread + number, 100 * thread + number + 1))) is SUCCESS

        threads = [threading.Thread(target=export, args=(thread,)) for thread in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert receiver.bodies() == [100 * thread + number for thread in range(6) for number in range(20)]
        assert exporter.status().exported == 120
        exporter.shutdown()


def test_shutdown_is_bounded_and_final():
    """Logs SDK, "Shutdown": called once, later exports fail and are counted; nobody answering does not hold it up."""
    exporter = SpanhouseLogExporter("http://127.0.0.1:9")
    assert exporter.force_flush(10)
    started = monotonic()
    exporter.shutdown()
    exporter.shutdown()
    assert monotonic() - started < 5
    assert exporter.export(records("late", "later")) is FAILURE
    assert dict(exporter.status().dropped) == {"shutdown": 2}


@pytest.mark.parametrize("spool", [True, False], ids=["spool", "none"])
def test_shutdown_wakes_an_export_that_waits(tmp_path, monkeypatch, spool):
    """A wait that the receiver has asked for does not hold it up: what waits goes to the spool, or is counted."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path) if spool else "off")
    # Longer than the wait that is asked for and its jitter: else the exporter would rightly give up by itself.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")
    monkeypatch.setenv("OTEL_BLRP_EXPORT_TIMEOUT", "600000")
    asked = threading.Event()

    def respond(request, context):
        asked.set()
        later(request, context)

    with receiving(respond) as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(exporter.export(records(1, 2))))
        thread.start()
        assert asked.wait(20)
        exporter.shutdown(20_000)
        thread.join(20)
        assert outcome == [SUCCESS if spool else FAILURE]
        assert exporter.status().spooled == (2 if spool else 0)
        assert dict(exporter.status().dropped) == ({} if spool else {"shutdown": 2})


def test_the_variables_of_the_signal_steer_it(monkeypatch):
    """OTLP exporter, "Configuration Options": the endpoint, headers and compression of logs, not those of traces."""
    with receiving() as receiver:
        for name, text in {
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "authorization=Bearer%20logs",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_HEADERS": "other=1",
        }.items():
            monkeypatch.setenv(name, text)
        exporter = SpanhouseLogExporter()
        assert exporter.export(records("x")) is SUCCESS
        (metadata,) = receiver.metadata
        assert metadata["authorization"] == "Bearer logs"
        assert "other" not in metadata
        exporter.shutdown()


def test_a_retryable_answer_gets_the_same_bytes_again():
    """OTLP, "Failures": encoded once, sent again."""
    seen = []

    def respond(request, context):
        seen.append(request)
        if len(seen) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return b""

    with receiving(respond) as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        assert exporter.export(records("x")) is SUCCESS
        assert len(seen) == 3
        assert len(set(seen)) == 1
        exporter.shutdown()


def test_rejected_records_are_counted(caplog):
    """OTLP, "Partial Success": a success, never retried, with the count and the receiver's words."""
    rejecting = bytes.fromhex("0a06080212026e6f")  # partial_success: rejected_log_records 2, error_message "no"
    with receiving(lambda _request, _context: rejecting) as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        assert exporter.export(records(*range(5))) is SUCCESS
        status = exporter.status()
        assert (status.exported, dict(status.dropped)) == (3, {"rejected": 2})
        assert "rejected 2 log records: no" in caplog.text
        exporter.shutdown()


def test_a_large_batch_is_split(monkeypatch):
    """OTLP/gRPC Request: several requests rather than one too large; one record too large costs only itself."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")  # of one export, in which 65 MiB are encoded repeatedly
    monkeypatch.setenv("OTEL_BLRP_EXPORT_TIMEOUT", "60000")
    with receiving() as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        assert exporter.export(records(*("x" * 200_000 for _ in range(40)))) is SUCCESS
        assert len(receiver.records) == 40
        assert max(map(len, receiver.raw_logs)) <= 3 << 20
        assert exporter.export(records("small", "x" * (65 << 20), "small too")) is FAILURE
        assert len(receiver.records) == 42
        assert dict(exporter.status().dropped) == {"too_large": 1}
        exporter.shutdown()


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_a_record_that_cannot_be_encoded_costs_itself(caplog):
    """The others of its batch arrive; it is counted, and logged."""
    with receiving() as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        assert exporter.export(records("a", "b", Broken(), "c")) is FAILURE
        assert receiver.bodies() == ["a", "b", "c"]
        assert dict(exporter.status().dropped) == {"encoding_failed": 1}
        assert len(caplog.records) == 1
        exporter.shutdown()


def test_records_wait_in_a_spool_of_their_own(tmp_path, monkeypatch, port):
    """With nobody answering: SUCCESS, counted, in the folder logs/ of the spool; the next answer brings them, once."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "700")
    exporter = SpanhouseLogExporter(f"http://127.0.0.1:{port}")
    assert exporter.export(records(1, 2, 3)) is SUCCESS
    exporter.shutdown()
    assert (exporter.status().spooled, exporter.status().failed) == (3, 0)
    assert spooled(tmp_path / "spool") == 3
    assert list(Spool(tmp_path / "spool", 1 << 20).entries()) == []
    assert [oct((tmp_path / folder).stat().st_mode & 0o777) for folder in ("spool", "spool/logs")] == ["0o700"] * 2
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT")  # who is there is waited for
    with receiving() as receiver:
        other = SpanhouseLogExporter(receiver.endpoint)
        assert other.export(records(4)) is SUCCESS
        assert receiver.bodies() == [1, 2, 3, 4]
        assert other.status().replayed == 3
        other.shutdown()
    assert spooled(tmp_path / "spool") == 0


def test_a_receiver_without_logs_costs_one_warning(tmp_path, monkeypatch, caplog):
    """UNIMPLEMENTED is for good (OTLP, "Failures"): each batch is sent once, dropped and counted, and never spooled."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path))
    with receiving(logs=False) as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        for _ in range(5):
            assert exporter.export(records(1, 2)) is FAILURE
        status = exporter.status()
        assert (status.failed_requests, dict(status.dropped)) == (5, {"export_failed": 10})
        assert spooled(tmp_path) == 0
        (warning,) = caplog.records
        assert warning.levelname == "WARNING"
        assert "takes no logs" in caplog.text
        assert "OTEL_LOGS_EXPORTER=none" in caplog.text
        exporter.shutdown()


def test_what_was_spooled_waits_for_a_receiver_with_logs(tmp_path, monkeypatch, caplog, port):
    """The receiver comes back without logs: nothing more is spooled and nothing is sent again until one takes logs."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path))
    with receiving(later, port):
        # Away at once, although it waits long for those who are there: they are not to be taken for away.
        exporter = SpanhouseLogExporter(f"http://127.0.0.1:{port}")
        assert exporter.export(records("before")) is SUCCESS
    with receiving(port=port, logs=False):
        give_up = monotonic() + PATIENCE_SECONDS
        while exporter.export(records("meanwhile")) is SUCCESS:  # to the spool, until the probe has its answer
            assert monotonic() < give_up
            sleep(0.05)
        waiting = spooled(tmp_path)
        for _ in range(20):
            assert exporter.export(records("refused")) is FAILURE
        assert spooled(tmp_path) == waiting == exporter.status().spooled
        assert [record.levelname for record in caplog.records].count("WARNING") == 1
    with receiving(port=port) as again:
        give_up = monotonic() + PATIENCE_SECONDS
        while exporter.status().replayed < waiting:
            exporter.export(records("after"))
            assert monotonic() < give_up
        assert again.bodies().count("before") == 1
        assert "refused" not in again.bodies()
    exporter.shutdown()


@pytest.mark.parametrize("processor", [BatchLogRecordProcessor, SimpleLogRecordProcessor])
def test_what_the_export_logs_is_not_exported(processor, caplog):
    """The cause of a warning must not be fed by it: with a handler on the root logger, one request for one message."""
    caplog.set_level(logging.DEBUG)
    seen = []

    def refuse(request, context):
        seen.append(request)
        context.abort(grpc.StatusCode.INTERNAL, "no")

    with receiving(refuse) as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
        provider.add_log_record_processor(processor(exporter))
        handler = LoggingHandler(logger_provider=provider)
        logging.getLogger().addHandler(handler)
        try:
            logging.getLogger("app").warning("from the program")
            provider.force_flush()
            LOGS.logger.warning("from the exporter")
            provider.force_flush()
        finally:
            logging.getLogger().removeHandler(handler)
        assert len([record for record in caplog.records if record.name == LOGS.logger.name]) == 2
        assert len(seen) == 1
        assert dict(exporter.status().dropped) == {"export_failed": 1}
        provider.shutdown()


def test_bodies_and_attributes_of_any_type_arrive():
    """Logs data model: structured bodies and nested attributes, as they were."""
    body = {"list": [1, 2.5, None, {"deep": b"bytes"}], "text": "x"}
    with receiving() as receiver:
        exporter = SpanhouseLogExporter(receiver.endpoint)
        provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        provider.get_logger("app").emit(body=body, attributes={"nested": {"a": [True, "b"]}})
        (record,) = receiver.records
        assert value(record.body) == body
        assert attributes(record) == {"nested": {"a": [True, "b"]}}
        provider.shutdown()


def test_a_warning_is_seen_where_opentelemetrys_is_the_only_handler(capfd):
    """Standard error then, and there alone; handlers of the program's own get it instead, once."""
    provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
    root = logging.getLogger()
    before = root.handlers
    root.handlers = [LoggingHandler(logger_provider=provider)]
    own = logging.StreamHandler()
    try:
        for exporter in (SpanhouseLogExporter("http://127.0.0.1:9"), SpanhouseLogExporter("http://127.0.0.1:9")):
            exporter.shutdown()
        LOGS.logger.info("not worth it")
        LOGS.logger.warning("seen")
        assert capfd.readouterr().err == "seen\n"
        root.addHandler(own)
        LOGS.logger.warning("shown by the program")
        assert capfd.readouterr().err == "shown by the program\n"
    finally:
        root.handlers = before
