"""What the exporter does, as metrics (OpenTelemetry semantic conventions, "OpenTelemetry SDK metrics").

Read from the counters that are kept anyway, when a metric reader collects: the way of a span pays nothing for it. As
with the SDK's own, `OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED` switches them on.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from spanhouse_exporter import status
from spanhouse_exporter.settings import address_of
from spanhouse_exporter.signals import LOGS, TRACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanhouse_exporter.settings import ExporterSettings
    from spanhouse_exporter.signals import Signal

_WORDS = {status.SHUTDOWN: "already_shutdown"}
"""Where the conventions have a word of their own for why a span was never handed to the exporter."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Boundaries of durations, those that the conventions advise for requests of other protocols."""
_numbers = itertools.count()


class Source(Protocol):
    """What is observed: a pipeline, or an exporter under another processor."""

    def flow(self) -> status.Flow:
        """What has passed which point, as of now."""

    def time_operations(self, observe: Callable[[float, str], None]) -> None:
        """From now on each request that was settled is reported, as to `Delivery.observe`."""


class _Component:
    """One component's instruments, from the global meter provider, for as long as `source` is there."""

    def __init__(self, source: Source, kind: str, number: int, attributes: dict[str, Any]) -> None:
        self._source = weakref.ref(source)
        # Set apart from the SDK's own, which may be in the same process and count from 0 too.
        named = {"otel.component.type": kind, "otel.component.name": f"{kind}/spanhouse-{number}"}
        self.attributes = named | attributes
        self.meter = get_meter("spanhouse")

    def observing(
        self, read: Callable[[status.Flow], Iterator[tuple[int, str]]]
    ) -> list[Callable[[CallbackOptions], Iterator[Observation]]]:
        """The callbacks of an instrument whose values `read` finds, each with its `error.type` or ''."""

        def callback(_options: CallbackOptions) -> Iterator[Observation]:
            found = self._source()
            if found is not None:
                for value, error in read(found.flow()):
                    yield Observation(value, self.attributes | ({"error.type": error} if error else {}))

        return [callback]


def observe_pipeline(source: Source, settings: ExporterSettings) -> None:
    """Makes the instruments of a pipeline: those of a processor, and of the exporter behind it."""
    number = next(_numbers)
    kind, unit = _KINDS[settings.signal]
    processor = _Component(source, f"batching_{kind}_processor", number, {})
    processor.meter.create_observable_counter(
        f"otel.sdk.processor.{kind}.processed", processor.observing(_processed), unit, "Those that were processed"
    )
    processor.meter.create_observable_up_down_counter(
        f"otel.sdk.processor.{kind}.queue.size", processor.observing(_queued), unit, "Those that wait"
    )
    processor.meter.create_observable_up_down_counter(
        f"otel.sdk.processor.{kind}.queue.capacity", processor.observing(_capacity), unit, "Those that can wait"
    )
    observe_exporter(source, settings, number)


def observe_exporter(source: Source, settings: ExporterSettings, number: int | None = None) -> None:
    """Makes the instruments of an exporter of any signal."""
    kind, unit = _KINDS[settings.signal]
    exporter = _Component(
        source, f"otlp_grpc_{kind}_exporter", next(_numbers) if number is None else number, _server(settings)
    )
    exporter.meter.create_observable_counter(
        f"otel.sdk.exporter.{kind}.exported", exporter.observing(_exported), unit, "Those whose export has ended"
    )
    exporter.meter.create_observable_up_down_counter(
        f"otel.sdk.exporter.{kind}.inflight", exporter.observing(_in_flight), unit, "Those on their way"
    )
    durations = exporter.meter.create_histogram(
        "otel.sdk.exporter.operation.duration",
        "s",
        "Requests, from the first attempt to the last answer",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )

    def record(seconds: float, error: str) -> None:
        given: dict[str, Any] = {"error.type": error} if error else {}
        code = "OK" if error in {"", status.REJECTED} else error
        durations.record(seconds, exporter.attributes | given | {"rpc.response.status_code": code})

    source.time_operations(record)


_KINDS: dict[Signal, tuple[str, str]] = {TRACES: ("span", "{span}"), LOGS: ("log", "{log_record}")}
"""What the conventions call what a signal has many of, and its unit."""


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
