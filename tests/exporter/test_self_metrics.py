import subprocess
import sys
from pathlib import Path

import grpc
from harness import clean_environment
from otlp_receiver import ask_to_wait, receiving

from spanhouse_exporter import status

SCRIPT = """
import sys
import spanhouse
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))

@spanhouse.capture
def work():
    pass

for _ in range(10):
    work()
spanhouse.flush(20)
if len(sys.argv) > 1:
    spanhouse.shutdown(5)
    work()
    spanhouse.flush(5)
data = reader.get_metrics_data()
for resource in data.resource_metrics if data else ():
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                value = point.value if hasattr(point, "value") else point.count
                given = dict(point.attributes)
                kind = given.pop("otel.component.type")
                assert given.pop("otel.component.name") == f"{kind}/spanhouse-0"
                assert kind.startswith("batching_span" if ".processor." in metric.name else "otlp_grpc_span")
                port = given.pop("server.port", None)
                assert (port is None) == (given.pop("server.address", None) is None) == (".processor." in metric.name)
                print(metric.name, value, *(f"{key}={word}" for key, word in sorted(given.items())), metric.unit)
"""


def run(endpoint: str, enabled: str, *arguments: str, **environ: str) -> list[str]:
    environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": enabled}
    environ["OTEL_BSP_SCHEDULE_DELAY"] = "600000"  # all spans in one request, sent by the flush
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *arguments]
    done = subprocess.run(
        command, env=clean_environment(**environ), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def test_the_exporter_reports_on_itself_when_asked():
    """Semantic conventions, "OpenTelemetry SDK metrics": rejected spans are exported ones that failed."""
    rejecting = bytes.fromhex("0a020802")  # partial_success: rejected_spans 2
    with receiving(lambda _request, _context: rejecting) as receiver:
        lines = run(receiver.endpoint, "true")
        rejected = 2 * len(receiver.raw)
        answered = "error.type=rejected rpc.response.status_code=OK"
        assert lines == sorted(
            [
                f"otel.sdk.exporter.operation.duration {len(receiver.raw)} {answered} s",
                f"otel.sdk.exporter.span.exported {10 - rejected} {{span}}",
                f"otel.sdk.exporter.span.exported {rejected} error.type=rejected {{span}}",
                "otel.sdk.exporter.span.inflight 0 {span}",
                "otel.sdk.processor.span.processed 10 {span}",
                "otel.sdk.processor.span.queue.size 0 {span}",
            ]
        )
        assert run(receiver.endpoint, "") == []


def test_one_observation_for_a_request_with_all_its_attempts(tmp_path):
    """Semantic conventions, "otel.sdk.exporter.operation.duration": the final attempt's code; spooled is not failed.

    The receiver says after the first attempt when it may be asked again, which is later than the exporter waits.

    The capacity of the queue is reported where it is one of spans; what came after the end was not processed.
    """
    attempts = []

    def respond(_request, context):
        attempts.append(1)
        if len(attempts) > 1:
            ask_to_wait(context, grpc.StatusCode.UNAVAILABLE, 3600)
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "700", "SPANHOUSE_SPOOL": str(tmp_path)}
    with receiving(respond) as receiver:
        lines = run(receiver.endpoint, "true", "shut down", **environ)
    assert len(attempts) > 1
    (duration,) = [line for line in lines if ".duration" in line]
    assert duration.endswith(" error.type=UNAVAILABLE rpc.response.status_code=UNAVAILABLE s")
    assert int(duration.split()[1]) < len(attempts)
    assert [line for line in lines if ".duration" not in line] == [
        "otel.sdk.exporter.span.exported 0 {span}",
        "otel.sdk.exporter.span.inflight 0 {span}",
        "otel.sdk.processor.span.processed 1 error.type=already_shutdown {span}",
        "otel.sdk.processor.span.processed 10 {span}",
        "otel.sdk.processor.span.queue.capacity 700 {span}",
        "otel.sdk.processor.span.queue.size 0 {span}",
    ]


def test_every_reason_is_documented():
    """docs/exporter.md names all reasons for which a span may be lost."""
    page = (Path(__file__).parents[2] / "docs" / "exporter.md").read_text()
    reasons = [value for name, value in vars(status).items() if name.isupper()]
    assert len(reasons) > 5
    assert [reason for reason in reasons if f"`{reason}`" not in page] == []


def test_exporters_under_the_sdks_processors_report_on_themselves():
    """Semantic conventions, "OpenTelemetry SDK metrics": each exporter its own, and names as the signal has them."""
    script = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from spanhouse_exporter.log_exporter import SpanhouseLogExporter
from spanhouse_exporter.span_exporter import SpanhouseExporter

tracers, loggers = TracerProvider(), LoggerProvider()
spans = SpanhouseExporter()
tracers.add_span_processor(SimpleSpanProcessor(spans))
loggers.add_log_record_processor(SimpleLogRecordProcessor(SpanhouseLogExporter()))
for _ in range(3):
    tracers.get_tracer("test").start_span("span").end()
loggers.get_logger("test").emit(LogRecord(body="record"))
spans.shutdown()
tracers.get_tracer("test").start_span("late").end()
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        if scope.scope.name != "spanhouse":
            continue
        for metric in scope.metrics:
            for point in metric.data.data_points:
                value = point.value if hasattr(point, "value") else point.count
                given = point.attributes
                assert given["server.address"] == "127.0.0.1"
                print(metric.name, value, given["otel.component.name"], given.get("error.type", ""), metric.unit)
"""
    with receiving() as receiver:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true"}
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=clean_environment(**environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    spans, logs = "otlp_grpc_span_exporter/spanhouse-0", "otlp_grpc_log_exporter/spanhouse-1"
    assert sorted(done.stdout.splitlines()) == [
        f"otel.sdk.exporter.log.exported 1 {logs}  {{log_record}}",
        f"otel.sdk.exporter.log.inflight 0 {logs}  {{log_record}}",
        f"otel.sdk.exporter.operation.duration 1 {logs}  s",
        f"otel.sdk.exporter.operation.duration 3 {spans}  s",
        f"otel.sdk.exporter.span.exported 3 {spans}  {{span}}",
        f"otel.sdk.exporter.span.inflight 0 {spans}  {{span}}",
    ]


LOGS_SCRIPT = """
import logging
import spanhouse
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
handler = spanhouse.LogHandler()
logging.getLogger("app").addHandler(handler)
for _ in range(10):
    logging.getLogger("app").warning("x")
assert handler.flush(20)
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                value = point.value if hasattr(point, "value") else point.count
                print(metric.name, value, point.attributes["otel.component.type"], metric.unit)
"""


def test_a_pipeline_of_logs_reports_under_the_names_of_logs():
    """The conventions have names of their own for log records: otel.sdk.processor.log.* and otel.sdk.exporter.log.*."""
    with receiving() as receiver:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "SPANHOUSE_SPOOL": "off"}
        environ["OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"] = "true"
        command = [sys.executable, "-c", LOGS_SCRIPT]
        done = subprocess.run(
            command, env=clean_environment(**environ), capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "otel.sdk.processor.log.processed 10 batching_log_processor {log_record}" in said
    assert "otel.sdk.processor.log.queue.size 0 batching_log_processor {log_record}" in said
    assert "otel.sdk.exporter.log.exported 10 otlp_grpc_log_exporter {log_record}" in said
