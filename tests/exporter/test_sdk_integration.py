"""The SDK's own machinery with our exporter and processor: in code, by environment, by declarative configuration."""

import subprocess
import sys
from pathlib import Path

import pytest
from harness import clean_environment
from held_ports import held_port
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from otlp_receiver import attributes, receiving

from spanhouse_exporter.settings import ExporterSettings
from spanhouse_exporter.span_exporter import SpanhouseExporter
from spanhouse_exporter.span_processor import SpanhouseSpanProcessor
from spanhouse_exporter.spool import Spool

APP = """
import sys
from opentelemetry import trace
tracer = trace.get_tracer("app", "1.2")
for number in range(300):
    with tracer.start_as_current_span("work", attributes={"number": number}):
        pass
provider = trace.get_tracer_provider()
processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
print(type(provider).__module__, *(type(processor).__name__ for processor in processors))
"""


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


def instrumented(app, endpoint, **environ) -> str:
    """Standard output of the program under opentelemetry-instrument."""
    command = [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, str(app)]
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
        **environ,
    }
    done = subprocess.run(
        command, env=clean_environment(**environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    return done.stdout


def numbers(receiver) -> list[int]:
    return sorted(attributes(span)["number"] for span in receiver.spans)


def test_opentelemetry_instrument_with_our_exporter(app):
    """OTEL_TRACES_EXPORTER=spanhouse and nothing else: the SDK's provider, our processor, every span."""
    with receiving() as receiver:
        out = instrumented(app, receiver.endpoint, OTEL_TRACES_EXPORTER="spanhouse")
        assert out == "opentelemetry.sdk.trace SpanhouseSpanProcessor\n"
        assert numbers(receiver) == list(range(300))


def test_opentelemetry_instrument_beside_another_distribution(app, tmp_path):
    """Another package's configurator is found first: the exporter works under the SDK's batch processor."""
    (tmp_path / "theirs.py").write_text(
        "from opentelemetry.sdk._configuration import _OTelSDKConfigurator\n"
        "class Configurator(_OTelSDKConfigurator):\n    pass\n"
    )
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[opentelemetry_configurator]\nconfigurator = theirs:Configurator\n")
    with receiving() as receiver:
        out = instrumented(
            app,
            receiver.endpoint,
            OTEL_TRACES_EXPORTER="spanhouse",
            PYTHONPATH=str(tmp_path),
            OTEL_PYTHON_CONFIGURATOR="configurator",
        )
        assert out == "opentelemetry.sdk.trace BatchSpanProcessor\n"
        assert numbers(receiver) == list(range(300))


def test_our_configurator_by_name_brings_the_light_provider(app):
    """OTEL_PYTHON_CONFIGURATOR=spanhouse: the light provider is the program's own."""
    with receiving() as receiver:
        out = instrumented(app, receiver.endpoint, OTEL_PYTHON_CONFIGURATOR="spanhouse")
        assert out == "spanhouse.provider\n"
        assert numbers(receiver) == list(range(300))


def test_declarative_configuration(app, tmp_path):
    """`exporter: {spanhouse: {endpoint: ...}}` under a batch processor; other variables are ignored."""
    file = tmp_path / "otel.yaml"
    with receiving() as receiver:
        file.write_text(
            "file_format: '1.0'\n"
            "tracer_provider:\n"
            "  processors:\n"
            f"    - batch: {{exporter: {{spanhouse: {{endpoint: '{receiver.endpoint}'}}}}}}\n"
        )
        out = instrumented(app, "http://127.0.0.1:9", OTEL_CONFIG_FILE=str(file))
        assert out == "opentelemetry.sdk.trace BatchSpanProcessor\n"
        assert numbers(receiver) == list(range(300))


def test_the_processor_exports_sampled_spans_only():
    """Trace SDK, "Batching processor": RECORD_ONLY spans are seen by processors and not exported."""
    recorded_only = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0))
    with receiving() as receiver:
        processor = SpanhouseSpanProcessor(receiver.endpoint)
        provider = TracerProvider(sampler=sampling.ParentBased(sampling.ALWAYS_ON), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        tracer = provider.get_tracer("t")
        tracer.start_span("dropped", context=set_span_in_context(NonRecordingSpan(recorded_only))).end()
        tracer.start_span("kept").end()
        assert provider.force_flush(20_000)
        assert [span.name for span in receiver.spans] == ["kept"]
        provider.shutdown()
        tracer.start_span("late").end()
        assert processor.force_flush(1_000)
        assert dict(processor.status().dropped) == {"shutdown": 1}


def test_spans_keep_their_resources_and_scopes():
    """One processor on several providers: one ResourceSpans for each resource, one ScopeSpans for each scope."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    with receiving() as receiver:
        processor = SpanhouseSpanProcessor(receiver.endpoint)
        for service in ("one", "two"):
            provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
            provider.add_span_processor(processor)
            for scope in ("a", "b"):
                provider.get_tracer(scope).start_span(f"{service}.{scope}").end()
        assert processor.force_flush(20_000)
        processor.shutdown()
        found = {
            (attributes(resource.resource)["service.name"], scope.scope.name, span.name)
            for request in receiver.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }
        assert found == {(service, scope, f"{service}.{scope}") for service in ("one", "two") for scope in ("a", "b")}


def test_a_broken_span_costs_a_log_line(caplog):
    """What is no span is counted; on_end does not raise."""

    class Context:
        trace_flags = TraceFlags(1)

    class Broken:
        context = Context()

    with receiving() as receiver:
        processor = SpanhouseSpanProcessor(receiver.endpoint)
        processor.on_end(Broken())
        processor.on_end(Broken())
        assert dict(processor.status().dropped) == {"encoding_failed": 2}
        assert len(caplog.records) == 1
        processor.shutdown()


def test_many_made_up_scopes_lose_nothing():
    """A program that makes a tracer for each request has every span delivered, with bounded bookkeeping."""
    with receiving() as receiver:
        processor = SpanhouseSpanProcessor(receiver.endpoint)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        for number in range(1_500):
            provider.get_tracer(f"scope{number}").start_span("n").end()
        assert processor.force_flush(20_000)
        assert len(receiver.spans) == 1_500
        provider.shutdown()


def test_a_small_queue_is_kept_to():
    """OTEL_BSP_MAX_QUEUE_SIZE: no more spans wait than that; the others are counted."""
    settings = ExporterSettings(endpoint="http://127.0.0.1:9", max_queue_items=100, max_batch_items=50)
    processor = SpanhouseSpanProcessor(settings=settings)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    for _ in range(5_000):
        provider.get_tracer("t").start_span("n").end()
    # Four requests of 50 on their way, 100 waiting, and up to one chunk not yet carried.
    assert processor.status().queued <= 4 * 50 + 100 + 50
    provider.shutdown()
    assert processor.status().failed == 5_000


def test_the_exporter_spools_when_nobody_answers(tmp_path, monkeypatch):
    """Spans in the spool are not lost: SUCCESS, counted; the next answer brings them."""
    monkeypatch.setenv("SPANHOUSE_SPOOL", str(tmp_path))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1500")
    memory = TracerProvider(shutdown_on_exit=False)
    spans = [memory.get_tracer("t").start_span("n") for _ in range(3)]
    for span in spans:
        span.end()
    with held_port() as port:
        exporter = SpanhouseExporter(f"http://127.0.0.1:{port}")
        assert exporter.export(spans).name == "SUCCESS"
        exporter.shutdown()
    assert (exporter.status().spooled, exporter.status().failed) == (3, 0)
    assert len(list(Spool(tmp_path, 1 << 20)._names())) == 1
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT")  # who is there is waited for
    with receiving() as receiver:
        other = SpanhouseExporter(receiver.endpoint)
        assert other.export(spans[:1]).name == "SUCCESS"
        assert other.status().replayed == 3
        assert len(receiver.spans) == 4
        other.shutdown()


def test_a_large_export_is_split():
    """OTLP/gRPC Request: several requests rather than one too large."""
    memory = TracerProvider(shutdown_on_exit=False)
    spans = [memory.get_tracer("t").start_span("n" * 200_000) for _ in range(40)]
    for span in spans:
        span.end()
    with receiving() as receiver:
        exporter = SpanhouseExporter(receiver.endpoint)
        assert exporter.export(spans).name == "SUCCESS"
        assert len(receiver.spans) == 40
        assert max(map(len, receiver.raw)) <= 3 << 20
        exporter.shutdown()
