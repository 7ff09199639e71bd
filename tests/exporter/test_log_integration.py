"""Logs of whole programs, each a process of its own: under opentelemetry-instrument, at the exit, over forks."""

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, clean_environment
from otlp_receiver import attributes, receiving, records_in, value
from spool_files import spooled_requests

from spanhouse_exporter.spool import Spool

APP = """
import logging
from opentelemetry import trace
tracer = trace.get_tracer("app")
logger = logging.getLogger("app")
for number in range(100):
    with tracer.start_as_current_span("work"):
        logger.warning("number %d", number)
print(type(trace.get_tracer_provider()).__module__)
"""
LOGGING = """
import logging, os, sys, time
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from spanhouse_exporter.log_exporter import SpanhouseLogExporter
provider = LoggerProvider()
exporter = SpanhouseLogExporter()
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logging.getLogger("app").addHandler(LoggingHandler(logger_provider=provider))
logger = logging.getLogger("app")
logger.propagate = False
"""
NOWHERE = "http://127.0.0.1:9"
MESSAGES = sorted(f"number {number}" for number in range(100))


def run(command: list[str], endpoint: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "logging", **environ}
    done = subprocess.run(
        command,
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def instrumented(tmp_path: Path, endpoint: str, *, app: str = APP, **environ: str) -> subprocess.CompletedProcess[str]:
    """A program under opentelemetry-instrument, with only logging instrumented."""
    path = tmp_path / "app.py"
    path.write_text(app)
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, str(path)]
    environ = {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "asgi,fastapi,requests,sqlalchemy",
        **environ,
    }
    return run(command, endpoint, **environ)


def script(text: str, endpoint: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", LOGGING + textwrap.dedent(text)], endpoint, **environ)


OF_THE_HANDLER = re.compile(
    r"Exception ignored in atexit callback[^\n]*\nTraceback[^\n]*\n(?: [^\n]*\n)*"
    r"RuntimeError: can't \w+ new thread[^\n]*\n"
)


def ours(said: str) -> str:
    """Without what OpenTelemetry's logging handler says under Python 3.12: it starts a thread when the process ends."""
    return OF_THE_HANDLER.sub("", said)


def spooled(folder: Path, signal: str = "logs") -> int:
    """Log records in a spool, left there; or spans, for the signal ""."""
    count = 0
    for entry in Spool(folder / signal, 1 << 30).entries():
        count += entry.item_count
        entry.release()
    return count


def until_delivered(text: str, endpoint: str, folder: Path, at_least: int = 1) -> int:
    """Runs a program until the spool is empty: on each export it stays a second at most to deliver from there."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    runs = 0
    while runs < at_least or spooled(folder):
        assert time.monotonic() < give_up
        script(text, endpoint, SPANHOUSE_SPOOL=str(folder))
        runs += 1
    return runs


def test_opentelemetry_instrument(tmp_path):
    """OTEL_LOGS_EXPORTER=spanhouse and nothing else: what the program logs arrives, each record once."""
    with receiving() as receiver:
        done = instrumented(tmp_path, receiver.endpoint, OTEL_LOGS_EXPORTER="spanhouse")
        assert done.stdout == "opentelemetry.sdk.trace\n"
        assert receiver.bodies() == MESSAGES
        assert receiver.spans == []


def test_opentelemetry_instrument_with_spans_too(tmp_path):
    """Both of our exporters in one program: each record names the span in which it was made."""
    with receiving() as receiver:
        chosen = {"OTEL_LOGS_EXPORTER": "spanhouse", "OTEL_TRACES_EXPORTER": "spanhouse"}
        instrumented(tmp_path, receiver.endpoint, **chosen)
        assert receiver.bodies() == MESSAGES
        assert {record.span_id for record in receiver.records} == {span.span_id for span in receiver.spans}


@pytest.mark.parametrize("name", ["OTEL_PYTHON_CONFIGURATOR", "OTEL_PYTHON_TRACER_PROVIDER"])
def test_our_configurator_sets_up_logs_too(tmp_path, name):
    """Beside the light provider: the records carry its spans' ids and its resource."""
    with receiving() as receiver:
        done = instrumented(tmp_path, receiver.endpoint, OTEL_LOGS_EXPORTER="spanhouse", **{name: "spanhouse"})
        assert done.stdout == "spanhouse.provider\n"
        assert receiver.bodies() == MESSAGES
        found = {(record.trace_id, record.span_id) for record in receiver.records}
        assert found == {(span.trace_id, span.span_id) for span in receiver.spans}
        (of_logs,) = receiver.log_requests[0].resource_logs
        assert attributes(of_logs.resource) == receiver.resource()


def test_our_configurator_sets_up_metrics_too(tmp_path):
    """Whoever chooses the light provider has asked for nothing less: other exporters of the program's are made."""
    with receiving() as receiver:
        chosen = {"OTEL_PYTHON_CONFIGURATOR": "spanhouse", "OTEL_METRICS_EXPORTER": "console"}
        internal = {"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"}
        done = instrumented(tmp_path, receiver.endpoint, **chosen, **internal)
        assert "otel.sdk.exporter.span.exported" in done.stdout


def test_declarative_configuration(tmp_path):
    """`exporter: {spanhouse: {endpoint: ...}}` under a batch processor of the logger provider."""
    file = tmp_path / "otel.yaml"
    with receiving() as receiver:
        file.write_text(
            "file_format: '1.0'\n"
            "logger_provider:\n"
            "  processors:\n"
            f"    - batch: {{exporter: {{spanhouse: {{endpoint: '{receiver.endpoint}'}}}}}}\n"
        )
        instrumented(tmp_path, NOWHERE, OTEL_CONFIG_FILE=str(file))
        assert receiver.bodies() == MESSAGES


def test_a_receiver_without_logs_does_not_hurt_the_program(tmp_path):
    """One warning on standard error, nothing in the spool, and the program ends as it would have."""
    with receiving(logs=False) as receiver:
        chosen = {"OTEL_LOGS_EXPORTER": "spanhouse", "SPANHOUSE_SPOOL": str(tmp_path / "spool")}
        small = {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "10"}
        # What is still to be sent at the exit may not be answered in the time that is left, and be spooled.
        flush = "from opentelemetry._logs import get_logger_provider\nget_logger_provider().force_flush()\n"
        done = instrumented(tmp_path, receiver.endpoint, app=APP + flush, **chosen, **small)
        assert done.stderr.count("takes no logs") == 1
        assert "Traceback" not in ours(done.stderr)
        assert not (tmp_path / "spool").exists()


def test_at_exit_with_nobody_there_and_once_by_the_next_process(tmp_path):
    """Every record is in the spool when the process has ended; the next one that is answered delivers it, once."""
    spool = {"SPANHOUSE_SPOOL": str(tmp_path)}
    text = """
    for number in range(2000):
        logger.warning("number %d", number)
    print(time.time())
    """
    done = script(text, NOWHERE, **spool)
    assert time.time() - float(done.stdout) < 8  # generous: the exporter's timeout alone is ten
    assert ours(done.stderr) == ""
    assert spooled(tmp_path) == 2000
    again = """
    logger.warning("again")
    provider.force_flush()
    """
    with receiving() as receiver:
        runs = until_delivered(again, receiver.endpoint, tmp_path, at_least=2)
        assert receiver.bodies() == sorted([f"number {number}" for number in range(2000)] + ["again"] * runs)


def test_spans_and_logs_do_not_take_each_others_files(tmp_path):
    """Both wait in one spool; the exporter of each signal delivers its own, and only that."""
    text = """
    import spanhouse
    @spanhouse.capture
    def work():
        logger.warning("in work")
    work()
    """
    spool = {"SPANHOUSE_SPOOL": str(tmp_path)}
    script(text, NOWHERE, **spool)
    assert (spooled(tmp_path, ""), spooled(tmp_path)) == (1, 1)
    spans_only = """
    import spanhouse
    with spanhouse.span("again"):
        pass
    spanhouse.flush(20)
    give_up = time.monotonic() + 20
    while spanhouse.exporter_status().replayed < 1 and time.monotonic() < give_up:
        time.sleep(0.02)
    """
    with receiving() as receiver:
        script(spans_only, receiver.endpoint, **spool)
        assert sorted(span.name.rpartition(".")[2] for span in receiver.spans) == ["again", "work"]
        assert receiver.records == []
        assert spooled(tmp_path) == 1
        script("logger.warning('logs'); provider.force_flush()", receiver.endpoint, **spool)
        assert receiver.bodies() == ["in work", "logs"]
        assert len(receiver.spans) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("endpoint", ["answered", "silent"])
def test_forks(tmp_path, endpoint):
    """Parent's and children's records each once, in the receiver or in the spool; a child forks with an empty queue."""
    text = """
    for number in range(50):
        logger.warning("parent %d", number)
    children = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            for number in range(50):
                logger.warning("child %d %d", child, number)
            provider.shutdown()
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    """
    expected = sorted(
        [f"parent {number}" for number in range(50)]
        + [f"child {child} {number}" for child in range(3) for number in range(50)]
    )
    with receiving() as receiver:
        script(text, receiver.endpoint if endpoint == "answered" else NOWHERE, SPANHOUSE_SPOOL=str(tmp_path))
        if endpoint == "answered":
            # In both is what was not answered in the time that an exit has: the same bytes, which are stored once.
            kept = {*receiver.raw_logs, *spooled_requests(tmp_path / "logs")}
            assert sorted(value(record.body) for record in records_in(kept)) == expected
        else:
            assert spooled(tmp_path) == 200
            runs = until_delivered("logger.warning('after'); provider.force_flush()", receiver.endpoint, tmp_path)
            assert receiver.bodies() == sorted([*expected, *["after"] * runs])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_that_skips_the_interpreters_exit_flushes(tmp_path):
    """Children of multiprocessing, and SIGTERM: what was flushed before is delivered; the queue is the SDK's."""
    text = """
    import multiprocessing, signal
    def child():
        for number in range(50):
            logger.warning("child %d", number)
        provider.force_flush()
    def terminated(number, frame):
        provider.force_flush()
        os._exit(0)
    if __name__ == "__main__":
        signal.signal(signal.SIGTERM, terminated)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        logger.warning("parent")
        os.kill(os.getpid(), signal.SIGTERM)
    """
    with receiving() as receiver:
        script(text, receiver.endpoint)
        assert receiver.bodies() == sorted([*(f"child {number}" for number in range(50)), "parent"])
