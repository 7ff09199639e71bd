import subprocess
import sys
from pathlib import Path

from harness import clean_environment
from otlp_receiver import receiving

from spanhouse_exporter import status

SCRIPT = """
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
data = reader.get_metrics_data()
for resource in data.resource_metrics if data else ():
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            for point in metric.data.data_points:
                print(metric.name, point.value, point.attributes.get("error.type", ""), metric.unit)
"""


def run(endpoint: str, enabled: str) -> list[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": enabled}
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
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
        assert lines == sorted(
            [
                f"otel.sdk.exporter.span.exported {10 - rejected}  {{span}}",
                f"otel.sdk.exporter.span.exported {rejected} rejected {{span}}",
                "otel.sdk.exporter.span.inflight 0  {span}",
                "otel.sdk.processor.span.processed 10  {span}",
                "otel.sdk.processor.span.queue.size 0  {span}",
            ]
        )
        assert run(receiver.endpoint, "") == []


def test_every_reason_is_documented():
    """docs/exporter.md names all reasons for which a span may be lost."""
    page = (Path(__file__).parents[2] / "docs" / "exporter.md").read_text()
    reasons = [value for name, value in vars(status).items() if name.isupper()]
    assert len(reasons) > 5
    assert [reason for reason in reasons if f"`{reason}`" not in page] == []
