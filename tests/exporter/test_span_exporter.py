import gc
import inspect
import threading
import weakref
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
from spanhouse_exporter.span_processor import SpanhouseSpanProcessor


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


def test_any_number_of_threads_may_export_at_once():
    """Tracing SDK, "Export": the SDK's simple processor calls it from every thread that ends a span."""
    with receiving() as receiver:
        exporter = SpanhouseExporter(receiver.endpoint)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))

        def work(first):
            for number in range(first, first + 25):
                provider.get_tracer("t").start_span("n", attributes={"number": number}).end()

        threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 200, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(attributes(span)["number"] for span in receiver.spans) == list(range(200))
        assert (exporter.status().exported, exporter.status().requests) == (200, 200)
        exporter.shutdown()


def test_a_flush_is_given_its_time_and_no_more():
    """Tracing SDK, "ForceFlush" and "Shutdown": False while an export is running; the time is an ordinary argument."""
    answer = threading.Event()
    with receiving(lambda _request, _context: answer.wait(20) and b"") as receiver:
        exporter = SpanhouseExporter(receiver.endpoint)
        thread = threading.Thread(target=exporter.export, args=(spans(),))
        thread.start()
        give_up = monotonic() + 20
        while exporter.force_flush(0):
            assert monotonic() < give_up
        assert not exporter.force_flush(timeout_millis=50)
        answer.set()
        assert exporter.force_flush(20_000)
        thread.join()
        exporter.shutdown()
    # The SDK's batch processor passes what is left of its own time only to a shutdown that declares it so.
    assert "timeout_millis" in inspect.getfullargspec(SpanhouseExporter.shutdown).args


def test_finished_spans_are_let_go():
    """Neither the processor nor the exporter keeps a span once it is bytes."""
    with receiving() as receiver:
        processor = SpanhouseSpanProcessor(receiver.endpoint)
        made = list(spans(3))
        alive = [weakref.ref(span) for span in made]
        for span in made:
            processor.on_end(span)
        exporter = SpanhouseExporter(receiver.endpoint)
        exporter.export(made)
        del span, made
        gc.collect()
        assert [reference() for reference in alive] == [None] * 3
        exporter.shutdown()
        processor.shutdown()
