"""The process-wide part: one pipeline, made by the first captured call, and the functions that control it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from spanhouse import resource
from spanhouse.attributes import Limits
from spanhouse.clock import ANCHOR
from spanhouse.site import Site, forget_ids
from spanhouse_exporter import (
    ExporterStatus,
    GrpcSender,
    Pipeline,
    from_environment,
    resource_fields,
    scope_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanKind, TracerProvider

    from spanhouse.call_site import CallSite

SCOPE_NAME: Final = "spanhouse"
VERSION: Final = metadata.version("spanhouse")
UNBOUND: Final = object()
_EXIT_SECONDS = 1.0
"""A process that ends waits no longer than this for its last spans."""

call_sites: weakref.WeakSet[CallSite] = weakref.WeakSet()


def chosen_provider() -> TracerProvider | None:
    """The tracer provider that the application has set; None while it has set none."""
    # get_tracer_provider() would also create one from the environment and costs a microsecond.
    return trace._TRACER_PROVIDER  # noqa: SLF001


class Runtime:
    """The pipeline of spans that go through no other provider."""

    def __init__(self, service_name: str | None, endpoint: str | None, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        if service_name is not None:
            self._given["service.name"] = service_name
        self._resource: dict[str, Any] | None = None
        self._schema_url = ""
        settings = from_environment(os.environ, endpoint)
        self.pipeline = Pipeline(settings, self._encode_resource, GrpcSender(settings))
        self.pipeline.on_tick(ANCHOR.check)
        self._intake = self.pipeline.intake(scope_fields(SCOPE_NAME, VERSION))

    def site(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> Site:
        """Constants for spans of one name."""
        return Site(name, kind, attributes, Limits(), self._intake)

    def after_fork(self) -> None:
        """In the child: the same service, another instance."""
        if self._resource is not None:
            resource.after_fork(self._resource, self._given, os.environ)

    def _encode_resource(self) -> bytes:
        if self._resource is None:
            self._resource, self._schema_url = resource.detect(self._given, VERSION, os.environ)
        return resource_fields(self._resource, self._schema_url)


_lock = threading.Lock()
_runtime: Runtime | None = None


def get() -> Runtime:
    """The runtime, made when first needed."""
    global _runtime  # noqa: PLW0603 - one process, one pipeline
    with _lock:
        if _runtime is None:
            _runtime = Runtime(None, None, {})
        return _runtime


def configure(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    resource_attributes: Mapping[str, Any] | None = None,
) -> None:
    """Says who this program is and where its spans go; what is not given comes from the environment.

    `service_name` wins over `OTEL_SERVICE_NAME`, `endpoint` over `OTEL_EXPORTER_OTLP_ENDPOINT`, `resource`
    adds resource attributes. May be called again: spans finished before go where they were meant to go.
    """
    global _runtime
    fresh = Runtime(service_name, endpoint, resource_attributes or {})
    with _lock:
        old, _runtime = _runtime, fresh
    for call_site in list(call_sites):
        call_site.unbind()
    if old is not None:
        old.pipeline.shutdown(_EXIT_SECONDS)


def flush(timeout: float = 10.0) -> bool:
    """Waits until every span finished so far has been delivered or given up; False when `timeout` seconds
    passed.
    """
    return _runtime is None or _runtime.pipeline.flush(timeout)


def shutdown(timeout: float = 10.0) -> bool:
    """Flushes and stops exporting for good, within `timeout` seconds; False when spans had to be dropped."""
    return _runtime is None or _runtime.pipeline.shutdown(timeout)


def exporter_status() -> ExporterStatus:
    """How many spans are queued, exported, and dropped for which reason."""
    return ExporterStatus() if _runtime is None else _runtime.pipeline.status()


def _at_exit() -> None:
    shutdown(_EXIT_SECONDS)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the holder may be a thread that does not exist in the child
    _lock = threading.Lock()
    forget_ids()
    if _runtime is not None:
        _runtime.after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
