"""`SpanhouseSpanProcessor`: our pipeline behind the SDK's tracer provider, in place of its batch processor.

A finished span is encoded where it ends, in a few microseconds, and its objects are let go: what waits is bytes,
bounded exactly and of no interest to the garbage collector. Batching, sending and the spool are the pipeline's.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from spanhouse_exporter.batch import ResourceIntake
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.pipeline import Pipeline, notice_fork
from spanhouse_exporter.readable_encoder import ReadableEncoder
from spanhouse_exporter.sender import GrpcSender
from spanhouse_exporter.settings import from_environment
from spanhouse_exporter.span_exporter import SpanhouseExporter

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from spanhouse_exporter.intake import Intake
    from spanhouse_exporter.settings import ExporterSettings
    from spanhouse_exporter.status import ExporterStatus

_logger = logging.getLogger(__name__)

_MOST_INTAKES = 1024
"""Scopes whose spans are gathered; a program that makes up scope names as it goes has the rest sent one by one."""
_SHUTDOWN_MILLIS = 1_000
"""What is not sent by then is in the spool."""


class SpanhouseSpanProcessor(SpanProcessor):
    """Exports sampled spans over OTLP/gRPC.

    `endpoint` wins over `OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT`; the rest comes from `OTEL_*` and `SPANHOUSE_*`.
    Concurrency: spans end on any thread; the encoder and the intakes take care of that themselves. Two threads that
    meet a scope for the first time may both make an intake, and both are emptied.
    """

    def __init__(self, endpoint: str | None = None, *, settings: ExporterSettings | None = None) -> None:
        settings = settings or from_environment(os.environ, endpoint)
        self._encoder = ReadableEncoder()
        self._pipeline = Pipeline(settings, bytes, GrpcSender(settings))
        self._intakes: dict[tuple[bytes, bytes], Intake] = {}
        self._notices = Notices(_logger)
        # Most spans come from where the last one came from. Replaced whole, and holds what it names.
        self._last: tuple[Any, Any, Any] = (self, self, None)

    def on_end(self, span: ReadableSpan) -> None:
        """Takes a finished span when it is sampled (trace SDK, "Batching processor"); never blocks, never raises."""
        context = span.context
        if context is None or not context.trace_flags.sampled:
            return
        try:
            # Some servers fork in C, where Python's hooks are not run: the child must not send what is the parent's.
            notice_fork()
            resource, scope = span.resource, span.instrumentation_scope
            last = self._last
            if last[0] is resource and last[1] is scope:
                intake = last[2]
            else:
                intake = self._intake(resource, scope)
                self._last = (resource, scope, intake)
            intake.put(self._encoder.encode(span))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a span, its program goes on
            self._pipeline.count_broken()
            self._notices.warning("span", "spanhouse: a span cannot be encoded and is dropped: %r", error)

    def shutdown(self, timeout_millis: int = _SHUTDOWN_MILLIS) -> None:
        """Delivers what has ended, within the time; the rest goes to the spool."""
        self._pipeline.shutdown(timeout_millis / 1000)

    def force_flush(self, timeout_millis: int | None = 30_000) -> bool:
        """Waits until what has ended is delivered, in the spool or given up; False when the time was too short."""
        return self._pipeline.flush((30_000 if timeout_millis is None else timeout_millis) / 1000)

    def status(self) -> ExporterStatus:
        """Counts as of now."""
        return self._pipeline.status()

    def _intake(self, of: Resource, within: InstrumentationScope | None) -> Intake:
        resource, scope = key = (self._encoder.resource(of), self._encoder.scope(within))
        if found := self._intakes.get(key):
            return found
        if len(self._intakes) >= _MOST_INTAKES:
            return ResourceIntake(self._pipeline, scope, resource)
        intake = self._intakes[key] = self._pipeline.intake(scope, resource)
        return intake


def processor_for(exporter: SpanExporter) -> SpanProcessor:
    """What a configurator puts between the SDK and an exporter: our processor for ours, the SDK's own for others."""
    if isinstance(exporter, SpanhouseExporter):
        return SpanhouseSpanProcessor(settings=exporter.settings)
    return BatchSpanProcessor(exporter)
