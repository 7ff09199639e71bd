from importlib.metadata import entry_points
from time import monotonic

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otlp_receiver import attributes, receiving

from spanhouse_exporter.span_exporter import SpanhouseExporter


def spans(count=1):
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for number in range(count):
        provider.get_tracer("t").start_span("n", attributes={"number": number}).end()
    return memory.get_finished_spans()


def test_it_is_found_by_its_name():
    """SDK configuration: a SpanExporter subclass under opentelemetry_traces_exporter, made without arguments."""
    (entry,) = entry_points(group="opentelemetry_traces_exporter", name="spanhouse")
    assert issubclass(entry.load(), SpanExporter)
    entry.load()().shutdown()


def test_it_delivers_under_the_sdks_processors():
    """Tracing SDK, "Span Exporter": batch and simple processors, every span once."""
    with receiving() as receiver:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(SpanhouseExporter(receiver.endpoint)))
        for number in range(1000):
            provider.get_tracer("t").start_span("n", attributes={"number": number}).end()
        provider.shutdown()
        assert sorted(attributes(span)["number"] for span in receiver.spans) == list(range(1000))


def test_shutdown_is_bounded_and_final():
    """Tracing SDK, "Shutdown": called once, later exports fail; nobody answering does not hold it up."""
    exporter = SpanhouseExporter("http://127.0.0.1:9")
    assert exporter.force_flush(10)
    started = monotonic()
    exporter.shutdown()
    exporter.shutdown()
    assert monotonic() - started < 5
    assert exporter.export(spans()) is SpanExportResult.FAILURE


def test_a_refusal_is_a_failure():
    """Tracing SDK, "Export": FAILURE when the receiver refuses; OTLP, "Failures": not retried."""
    import grpc  # noqa: PLC0415

    asked = []

    def refuse(_request, context):
        asked.append(1)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")

    with receiving(refuse) as receiver:
        exporter = SpanhouseExporter(receiver.endpoint)
        assert exporter.export(spans()) is SpanExportResult.FAILURE
        assert exporter.export(()) is SpanExportResult.SUCCESS
        assert asked == [1]
        exporter.shutdown()
