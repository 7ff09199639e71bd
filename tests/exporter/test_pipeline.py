import gc
import logging
import threading
import weakref
from time import monotonic

import pytest
from opentelemetry import context
from otlp_receiver import receiving

from spanhouse_exporter import (
    ExporterSettings,
    Pipeline,
    envelope,
    resource_fields,
    scope_fields,
    span_bytes,
)
from spanhouse_exporter.retry import Answer
from spanhouse_exporter.sender import GrpcSender

RESOURCE = resource_fields({"service.name": "s"})
_, stamp_child = span_bytes.make_stamps(span_bytes.constant_fields("n", 1, b""))


def span(number: int) -> bytes:
    return stamp_child(bytes(15) + b"\x01", number.to_bytes(8, "big"), b"parent!!", 1, 2, 0x101)


class Held:
    """A sender that delivers nothing until told to: the one thing a real receiver cannot do on demand."""

    def __init__(self):
        self.release = threading.Event()

    def warm_up(self): ...

    def start(self, request, deadline, *, in_background):
        return self

    def ready(self):
        return self.release.is_set()

    def wait(self, seconds):
        return self.release.wait(seconds)

    def answer(self, until):
        self.release.wait(max(0, until - monotonic()))
        return Answer("OK" if self.release.is_set() else "UNAVAILABLE")

    def after_fork(self): ...

    def close(self): ...


def test_a_full_queue_drops_and_counts():
    """Memory is bounded by bytes; what does not fit is counted as queue_full, and nothing blocks."""
    held = Held()
    settings = ExporterSettings(max_queue_bytes=100_000, timeout_seconds=60)
    pipeline = Pipeline(settings, lambda: RESOURCE, held)
    intake = pipeline.intake(scope_fields("x"))
    for number in range(50_000):
        intake.put(span(number + 1))
    held.release.set()
    assert pipeline.flush(20)
    status = pipeline.status()
    assert status.dropped["queue_full"] > 0
    assert status.exported + status.dropped["queue_full"] == 50_000
    assert status.queued == 0
    pipeline.shutdown(1)


def test_a_small_queue_is_filled():
    """However few bytes it may hold: what comes at once in more than that is taken in part, not refused whole."""
    held = Held()
    pipeline = Pipeline(ExporterSettings(max_queue_bytes=20_000, timeout_seconds=60), lambda: RESOURCE, held)
    intake = pipeline.intake(scope_fields("x"))
    for number in range(400):
        intake.put(span(number + 1))
    held.release.set()
    assert pipeline.flush(20)
    status = pipeline.status()
    assert status.exported >= 20_000 // 400  # a span is a good hundred bytes, and a chunk's place two hundred
    assert status.exported + status.dropped.get("queue_full", 0) == 400
    pipeline.shutdown(1)


def test_flush_honours_its_timeout():
    """A receiver that does not answer costs no more than the time given (trace SDK, "ForceFlush")."""
    held = Held()
    pipeline = Pipeline(ExporterSettings(timeout_seconds=60), lambda: RESOURCE, held)
    pipeline.intake(scope_fields("x")).put(span(1))
    started = monotonic()
    assert not pipeline.flush(0.2)
    assert monotonic() - started < 5
    held.release.set()
    assert pipeline.flush(20)
    pipeline.shutdown(1)


def test_spans_after_shutdown_are_counted():
    """Trace SDK, "Shutdown": later spans are not exported; here they are also not forgotten."""
    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        intake = pipeline.intake(scope_fields("x"))
        intake.put(span(1))
        assert pipeline.shutdown(10)
        intake.put(span(2))
        assert pipeline.flush(5)
        status = pipeline.status()
        assert (status.exported, dict(status.dropped)) == (1, {"shutdown": 1})
        assert len(receiver.spans) == 1


def test_many_threads_lose_nothing():
    """Eight threads through one intake: every span arrives, each once."""
    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint, max_batch_items=3000)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        intake = pipeline.intake(scope_fields("x"))

        def work(first):
            for number in range(first, first + 5000):
                intake.put(span(number + 1))

        threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 40_000, 5000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert pipeline.shutdown(20)
        ids = [int.from_bytes(received.span_id, "big") for received in receiver.spans]
        assert sorted(ids) == list(range(1, 40_001))
        assert all(
            len(scope.spans) <= 3000 for request in receiver.requests for scope in request.resource_spans[0].scope_spans
        )


def test_partial_success_counts_rejected_spans():
    """OTLP, "Partial Success": not retried; the rejected spans are counted."""
    answer = bytes.fromhex("0a07080212036e6f21")  # rejected_spans: 2, error_message: "no!"
    assert envelope.partial_success(answer) == (2, "no!")
    with receiving(lambda _request, _context: answer) as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        intake = pipeline.intake(scope_fields("x"))
        for number in range(5):
            intake.put(span(number + 1))
        assert pipeline.shutdown(10)
        assert (pipeline.status().exported, dict(pipeline.status().dropped)) == (3, {"rejected": 2})
        assert len(receiver.raw) == 1


@pytest.mark.parametrize("limit", ["count", "bytes", "age"])
def test_what_makes_a_request_leave(limit):
    """Trace SDK, "Batching processor": so many spans, so many bytes, or so much time; round after round, unasked."""
    chosen = {"count": {"max_batch_items": 100}, "bytes": {"max_batch_bytes": 20_000}, "age": {}}[limit]
    delay = 0.1 if limit == "age" else 600.0
    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint, schedule_delay_seconds=delay, **chosen)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        intake = pipeline.intake(scope_fields("x"))
        made = 0
        for _ in range(5):
            for _ in range(1 if limit == "age" else 1000):
                made += 1
                intake.put(span(made))
            # Up to a chunk is not yet on its way when the number or the size was reached.
            receiver.wait_for(made if limit == "age" else made - 511)
        pipeline.shutdown(20)
        assert len(receiver.spans) == made


def test_a_request_is_never_larger_than_the_limit():
    """OTLP, "OTLP/gRPC Request": what alone is beyond it is dropped, counted, and not sent."""
    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint, max_request_bytes=50_000)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        intake = pipeline.intake(scope_fields("x"))
        large = span_bytes.make_stamps(span_bytes.constant_fields("n" * 60_000, 1, b""))[0]
        intake.put(span(1))
        intake.put(large(bytes(15) + b"\x01", b"too-huge", 1, 2, 0x101))
        assert pipeline.flush(20)
        assert dict(pipeline.status().dropped) == {"too_large": 1}
        assert len(receiver.spans) == 1
        pipeline.shutdown(5)


def test_a_flush_waits_for_what_was_taken_although_later_spans_are_refused():
    """Trace SDK, "ForceFlush": what is refused at a full queue meanwhile is no progress of what was there before."""
    held = Held()
    settings = ExporterSettings(max_queue_bytes=100_000, timeout_seconds=60)
    pipeline = Pipeline(settings, lambda: RESOURCE, held)
    intake = pipeline.intake(scope_fields("x"))
    intake.put(span(1))
    assert not pipeline.flush(0.1)
    for number in range(20_000):
        intake.put(span(number + 2))
    assert pipeline.status().dropped["queue_full"] > 1
    assert not pipeline.flush(0.1)
    held.release.set()
    assert pipeline.flush(20)
    pipeline.shutdown(1)


def test_nothing_keeps_a_pipeline_alive_that_was_shut_down():
    """Fork handlers, exit handlers and metrics know it weakly: a program that makes many leaks none."""
    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint, self_metrics=True)
        pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
        pipeline.intake(scope_fields("x")).put(span(1))
        assert pipeline.shutdown(20)
        alive = weakref.ref(pipeline)
        del pipeline
        give_up = monotonic() + 20
        while alive() is not None:
            gc.collect()
            assert monotonic() < give_up


def test_our_own_requests_are_not_traced():
    """Context, suppression of instrumentation: set round the whole export, and gone from the thread behind it."""
    seen = []

    class Looking(GrpcSender):
        def _connect(self):
            seen.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
            return super()._connect()

    with receiving() as receiver:
        settings = ExporterSettings(endpoint=receiver.endpoint)
        sender = Looking(settings)
        attempt = sender.start(b"", monotonic() + 20, in_background=False)
        assert attempt.answer(monotonic() + 20).code == "OK"
        assert Looking(ExporterSettings(endpoint="x y")).start(b"", monotonic() + 1, in_background=True).ready()
        assert seen == [True, True]
        assert context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY) is None
        sender.close()


def test_a_log_handler_may_make_spans_and_flush(caplog):
    """No lock of ours is held while we log: a handler that traces itself, as some do, neither hangs nor recurses."""
    settings = ExporterSettings(endpoint="http://127.0.0.1:9", timeout_seconds=0.2)
    pipeline = Pipeline(settings, lambda: RESOURCE, GrpcSender(settings))
    intake = pipeline.intake(scope_fields("x"))

    class Tracing(logging.Handler):
        def emit(self, _record):
            for number in range(600):
                intake.put(span(10_000 + number))
            pipeline.flush(0.01)

    handler = Tracing()
    logging.getLogger("spanhouse_exporter").addHandler(handler)
    try:
        intake.put(span(1))
        assert pipeline.flush(20)
        assert pipeline.flush(20)
        assert len(caplog.records) == 1
        assert dict(pipeline.status().dropped) == {"export_failed": 601}
    finally:
        logging.getLogger("spanhouse_exporter").removeHandler(handler)
        pipeline.shutdown(1)
