"""What the exporter does, as metrics (OpenTelemetry semantic conventions, "OpenTelemetry SDK metrics").

Read from the counters that are kept anyway, when a metric reader collects: the way of a span pays nothing for it. As
with the SDK's own, `OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED` switches them on.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from spanhouse_exporter import status
from spanhouse_exporter.settings import address_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanhouse_exporter.pipeline import Pipeline
    from spanhouse_exporter.settings import ExporterSettings

_PROCESSOR, _EXPORTER = "batching_span_processor", "otlp_grpc_span_exporter"
_WORDS = {status.SHUTDOWN: "already_shutdown"}
"""Where the conventions have a word of their own for why a span was never handed to the exporter."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Boundaries of durations, those that the conventions advise for requests of other protocols."""
_numbers = itertools.count()


def observe(pipeline: Pipeline, settings: ExporterSettings) -> None:
    """Makes the instruments of one pipeline, from the global meter provider."""
    alive = weakref.ref(pipeline)
    number = next(_numbers)

    def component(kind: str) -> dict[str, Any]:
        # Set apart from the SDK's own, which may be in the same process and count from 0 too.
        return {"otel.component.type": kind, "otel.component.name": f"{kind}/spanhouse-{number}"}

    processor, exporter = component(_PROCESSOR), component(_EXPORTER) | _server(settings)

    def observing(
        attributes: dict[str, Any], read: Callable[[status.Flow], Iterator[tuple[int, str]]]
    ) -> list[Callable[[CallbackOptions], Iterator[Observation]]]:
        def callback(_options: CallbackOptions) -> Iterator[Observation]:
            found = alive()
            if found is not None:
                for value, error in read(found.flow()):
                    yield Observation(value, attributes | ({"error.type": error} if error else {}))

        return [callback]

    meter = get_meter("spanhouse")
    meter.create_observable_counter(
        "otel.sdk.processor.span.processed", observing(processor, _processed), "{span}", "Spans that were processed"
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.processor.span.queue.size", observing(processor, _queued), "{span}", "Spans that wait"
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.processor.span.queue.capacity", observing(processor, _capacity), "{span}", "Spans that can wait"
    )
    meter.create_observable_counter(
        "otel.sdk.exporter.span.exported", observing(exporter, _exported), "{span}", "Spans whose export has ended"
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.exporter.span.inflight", observing(exporter, _in_flight), "{span}", "Spans on their way"
    )
    durations = meter.create_histogram(
        "otel.sdk.exporter.operation.duration",
        "s",
        "Requests, from the first attempt to the last answer",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )

    def record(seconds: float, error: str) -> None:
        given: dict[str, Any] = {"error.type": error} if error else {}
        code = "OK" if error in {"", status.REJECTED} else error
        durations.record(seconds, exporter | given | {"rpc.response.status_code": code})

    pipeline.time_operations(record)


def _server(settings: ExporterSettings) -> dict[str, Any]:
    host, port = address_of(settings.endpoint)
    return {"server.address": host, **({"server.port": port} if port else {})}


def _processed(flow: status.Flow) -> Iterator[tuple[int, str]]:
    """Counted when handed over, whatever becomes of the export."""
    yield flow.processed, ""
    for reason, count in flow.refused.items():
        yield count, _WORDS.get(reason, reason)


def _exported(flow: status.Flow) -> Iterator[tuple[int, str]]:
    """Spans in the spool are neither exported nor failed yet."""
    yield flow.exported, ""
    for reason, count in flow.failed.items():
        yield count, reason


def _queued(flow: status.Flow) -> Iterator[tuple[int, str]]:
    yield flow.queued, ""


def _capacity(flow: status.Flow) -> Iterator[tuple[int, str]]:
    """Nothing where the queue is bounded by bytes alone: how many spans those hold depends on the spans."""
    if flow.capacity is not None:
        yield flow.capacity, ""


def _in_flight(flow: status.Flow) -> Iterator[tuple[int, str]]:
    yield flow.in_flight, ""
