"""What the exporter does, as metrics (OpenTelemetry semantic conventions, "OpenTelemetry SDK metrics").

Read from the counters that are kept anyway, when a metric reader collects: the way of a span pays nothing for it. As
with the SDK's own, `OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED` switches them on.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from spanhouse_exporter import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanhouse_exporter.pipeline import Pipeline

_PROCESSOR, _EXPORTER = "batching_span_processor", "otlp_grpc_span_exporter"
_NEVER_SENT = {status.QUEUE_FULL: "queue_full", status.SHUTDOWN: "already_shutdown"}
"""Reasons for which a span never came to the exporter, in the words of the conventions."""
_numbers = itertools.count()


def observe(pipeline: Pipeline) -> None:
    """Makes the instruments of one pipeline, from the global meter provider."""
    alive = weakref.ref(pipeline)
    number = next(_numbers)

    def component(kind: str) -> dict[str, str]:
        return {"otel.component.type": kind, "otel.component.name": f"{kind}/{number}"}

    def observing(
        read: Callable[[Pipeline], Iterator[tuple[int, str]]], kind: str
    ) -> list[Callable[[CallbackOptions], Iterator[Observation]]]:
        def callback(_options: CallbackOptions) -> Iterator[Observation]:
            found = alive()
            if found is not None:
                for value, error in read(found):
                    yield Observation(value, {**component(kind), **({"error.type": error} if error else {})})

        return [callback]

    meter = get_meter("spanhouse")
    meter.create_observable_counter(
        "otel.sdk.processor.span.processed", observing(_processed, _PROCESSOR), "{span}", "Spans that were processed"
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.processor.span.queue.size", observing(_queued, _PROCESSOR), "{span}", "Spans that wait"
    )
    meter.create_observable_counter(
        "otel.sdk.exporter.span.exported", observing(_exported, _EXPORTER), "{span}", "Spans whose export has ended"
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.exporter.span.inflight", observing(_in_flight, _EXPORTER), "{span}", "Spans on their way"
    )


def _processed(pipeline: Pipeline) -> Iterator[tuple[int, str]]:
    now = pipeline.status()
    sent = sum(count for reason, count in now.dropped.items() if reason not in _NEVER_SENT)
    yield now.exported + now.spooled + sent, ""
    for reason, word in _NEVER_SENT.items():
        if reason in now.dropped:
            yield now.dropped[reason], word


def _exported(pipeline: Pipeline) -> Iterator[tuple[int, str]]:
    """Spans in the spool are neither exported nor failed yet."""
    now = pipeline.status()
    yield now.exported, ""
    for reason, count in now.dropped.items():
        if reason not in _NEVER_SENT:
            yield count, reason


def _queued(pipeline: Pipeline) -> Iterator[tuple[int, str]]:
    yield max(0, pipeline.status().queued - pipeline.in_flight()), ""


def _in_flight(pipeline: Pipeline) -> Iterator[tuple[int, str]]:
    yield pipeline.in_flight(), ""
