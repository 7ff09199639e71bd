import threading
from time import monotonic

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
        settings = ExporterSettings(endpoint=receiver.endpoint, max_batch_spans=3000)
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
