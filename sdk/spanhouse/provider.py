"""`spanhouse.TracerProvider`: a drop-in for the SDK's, whose spans cost a microsecond and export themselves.

Samplers, resource, limits, id generators and processors of the SDK and of others work on it. Until one of them
is used, starting a span skips everything that they would need.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer

from spanhouse import forks, limits, resource, sampling, statistics
from spanhouse.clock import ANCHOR
from spanhouse.tracer import Tracer
from spanhouse.version import VERSION
from spanhouse_exporter import ExporterStatus, GrpcSender, Intake, Pipeline, from_environment, resource_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from spanhouse.attributes import Limits
    from spanhouse_exporter import Sender

_logger = logging.getLogger(__name__)


class TracerProvider(trace.TracerProvider):
    """Makes tracers of light spans.

    `sampler`, `resource`, `id_generator` and `span_limits` are the SDK's classes; what is not given comes from the
    `OTEL_*` variables. With `export` (the default) sampled spans go to `endpoint`, or to where
    `OTEL_EXPORTER_OTLP_*` says; with `export=False` only to the processors that are added. `attributes` are added
    to the resource. Concurrency: `plain`, `processors` and the tracers are replaced under a lock and read without; a
    signal handler may capture calls while its thread makes a tracer, so the lock is re-entrant: it makes one too many.
    """

    def __init__(
        self,
        sampler: Sampler | None = None,
        resource: Resource | None = None,
        shutdown_on_exit: bool = True,
        active_span_processor: SpanProcessor | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | Limits | None = None,
        *,
        export: bool = True,
        endpoint: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        sender: Sender | None = None,
    ) -> None:
        environ = os.environ
        self.sampler: Sampler | None = sampler if sampler is not None else sampling.from_environment(environ)
        """None is the default, parentbased_always_on."""
        self.id_generator = id_generator
        """None draws random ids."""
        self.limits: Limits = limits.from_sdk(span_limits) if span_limits else limits.from_environment(environ)
        self.processors: tuple[SpanProcessor, ...] = ()
        self._disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        self._given_resource = resource
        self._given_attributes = dict(attributes or {})
        self._resource: Resource | None = None
        self._found: tuple[dict[str, Any], str] | None = None
        self._lock = threading.RLock()
        self._tracers: dict[tuple[Any, ...], Tracer] = {}
        settings = from_environment(environ, endpoint)
        self.pipeline: Pipeline = Pipeline(settings, self._encode_resource, sender or GrpcSender(settings))
        self.pipeline.on_tick(ANCHOR.check)
        self.pipeline.on_tick(statistics.fold_all)
        self._export = export
        self.plain: bool = False
        """True while nothing but the export needs to know about a span."""
        self._update_plain()
        if active_span_processor is not None:
            self.add_span_processor(active_span_processor)
        self._at_exit = _shut_down_at_exit(self) if shutdown_on_exit else None
        _live_providers.add(self)

    @property
    def resource(self) -> Resource:
        """Who is sending; detected when first asked for."""
        if self._resource is None:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - not for exporting alone

            self._resource = Resource(*self.identity())
        return self._resource

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Tracer:
        """The tracer of one instrumentation scope, always the same for the same arguments."""
        if self._disabled:
            return NoOpTracer()
        return self.tracer(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)

    def tracer(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        """As `get_tracer`, for captured calls, which are switched off where they are decorated."""
        if not name:
            _logger.error("get_tracer called without a name")
        key = (name, version, schema_url, repr(sorted((attributes or {}).items())))
        with self._lock:
            found = self._tracers.get(key)
            if found is None:
                found = Tracer(self, name or "", version or "", schema_url or "", attributes)
                self._tracers[key] = found
            return found

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Adds a processor of the SDK or of another library; it is told of every recording span from now on."""
        with self._lock:
            self.processors += (span_processor,)
            self._update_plain()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Delivers what has ended; False when the time was too short."""
        give_up = monotonic() + timeout_millis / 1000
        done = self.pipeline.flush(timeout_millis / 1000)
        for processor in self.processors:
            remaining = int((give_up - monotonic()) * 1000)
            done = remaining > 0 and processor.force_flush(remaining) is not False and done
        return done

    def shutdown(self, timeout_seconds: float = 10.0) -> bool:
        """Flushes and stops for good; False when spans had to be dropped."""
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None
        done = self.pipeline.shutdown(timeout_seconds)
        for processor in self.processors:
            processor.shutdown()
        return done

    def status(self) -> ExporterStatus:
        """What became of the spans that export themselves."""
        return self.pipeline.status()

    def intake(self, scope: bytes) -> Intake:
        """Where finished spans of an encoded scope go."""
        return self.pipeline.intake(scope)

    @property
    def exports(self) -> bool:
        """Whether sampled spans go to the pipeline."""
        return self._export

    def identity(self) -> tuple[dict[str, Any], str]:
        """(attributes, schema URL) of the resource, without the SDK's class around them."""
        if self._found is None:
            given = self._given_resource
            if given is None:
                found = resource.detect(self._given_attributes, VERSION, os.environ)
            else:
                found = {**(given.attributes or {}), **self._given_attributes}, given.schema_url
            # The workers of spans and of log records may both come first. Detecting takes time, so not under the lock.
            with self._lock:
                if self._found is None:
                    self._found = found
        return self._found

    def after_fork(self) -> None:
        """In the child: the same service, another instance; locks whose holders may be gone are replaced."""
        self._lock = threading.RLock()
        if self._found is not None:
            given = dict(self._given_resource.attributes or {}) if self._given_resource is not None else {}
            resource.after_fork(self._found[0], {**given, **self._given_attributes}, os.environ)
            self._resource = None

    def _update_plain(self) -> None:
        self.plain = self._export and self.sampler is None and self.id_generator is None and not self.processors

    def _encode_resource(self) -> bytes:
        return resource_fields(*self.identity())


def _shut_down_at_exit(provider: TracerProvider) -> Any:
    # A weak reference: an exit handler must not keep alive what its program has let go.
    alive = weakref.ref(provider)

    def at_exit() -> None:
        found = alive()
        if found is not None:
            found.shutdown(found.pipeline.exit_seconds)

    atexit.register(at_exit)
    return at_exit


_live_providers: weakref.WeakSet[TracerProvider] = weakref.WeakSet()


def _after_fork() -> None:
    for provider in list(_live_providers):
        provider.after_fork()


forks.on_fork(_after_fork)
