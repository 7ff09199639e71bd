"""The process-wide part: which provider captured calls use, and the functions that control it."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from spanhouse import forks, outlets, settings, stats_reporter, summary
from spanhouse.errors import ConfigurationError
from spanhouse.provider import TracerProvider
from spanhouse.registry import chosen_provider
from spanhouse_exporter import ExporterStatus, resource_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanhouse.call_site import CallSite

UNBOUND: Final = object()
call_sites: weakref.WeakSet[CallSite] = weakref.WeakSet()

# Re-entrant: a signal handler may capture calls while its thread makes the provider. Then there are two, and both
# deliver what they have.
_lock = threading.RLock()
_own: TracerProvider | None = None
_override: TracerProvider | None = None


def own_provider() -> TracerProvider:
    """The provider of programs that have set none, made when first needed."""
    global _own  # noqa: PLW0603 - one process, one default
    with _lock:
        if _own is None:
            _own = TracerProvider()
        return _own


def provider_for_captured_calls() -> trace.TracerProvider:
    """What the application has set, `OTEL_PYTHON_TRACER_PROVIDER` included; otherwise our own."""
    if os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"):
        trace.get_tracer_provider()
    return _override or chosen_provider() or own_provider()


def sending_resource(changed: Mapping[str, Any]) -> bytes:
    """Who this process says it is, encoded for a request: the resource that its spans have, with some attributes
    `changed`. So what is logged in a span is found beside it, whoever made the provider.
    """
    found = _override or chosen_provider() or own_provider()
    if isinstance(found, TracerProvider):
        attributes, schema_url = found.identity()
    else:
        resource: Any = getattr(found, "resource", None) or own_provider().resource
        attributes, schema_url = dict(resource.attributes), resource.schema_url or ""
    return resource_fields({**attributes, **changed}, schema_url)


@contextmanager
def using(provider: TracerProvider) -> Iterator[None]:
    """Sends captured calls to `provider` while open, whatever else is set."""
    global _override  # noqa: PLW0603 - one process, one place for captured calls
    before, _override = _override, provider
    unbind_all()
    try:
        yield
    finally:
        _override = before
        unbind_all()


def configure(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    resource_attributes: Mapping[str, Any] | None = None,
    set_global: bool = False,
    **options: Any,
) -> TracerProvider:
    """Says who this program is and where its spans go; what is not given comes from the environment.

    `service_name` wins over `OTEL_SERVICE_NAME`, `endpoint` over `OTEL_EXPORTER_OTLP_ENDPOINT`;
    `resource_attributes` are added to the resource; `options` are those of `TracerProvider` (sampler, span_limits,
    id_generator, export). `set_global` makes it the provider of the OpenTelemetry API too, so that other
    libraries' instrumentation uses it. May be called again: spans finished before go where they were meant to.
    Raises ConfigurationError when an argument makes no sense.
    """
    global _own
    given: tuple[tuple[str, Any], ...] = (("service_name", service_name), ("endpoint", endpoint))
    for name, text in given:
        if text is not None and (not isinstance(text, str) or not text):
            raise ConfigurationError(f"configure({name}=...) takes a string that is not empty, not {text!r}")
    attributes = dict(resource_attributes or {})
    if service_name is not None:
        attributes["service.name"] = service_name
    try:
        fresh = TracerProvider(endpoint=endpoint, attributes=attributes, **options)
    except TypeError as error:
        raise ConfigurationError(str(error).replace("TracerProvider.__init__()", "configure()")) from error
    with _lock:
        old, _own = _own, fresh
    unbind_all()
    if old is not None:
        old.shutdown(old.pipeline.exit_seconds)
    if set_global:
        trace.set_tracer_provider(fresh)
    return fresh


def unbind_all() -> None:
    """Makes every captured function look again where its spans go."""
    for call_site in list(call_sites):
        call_site.unbind()


def flush(timeout: float = 10.0) -> bool:
    """Waits until every span finished so far is delivered or given up, as is what log handlers and event clients have
    taken, and the sinks of `report_stats` know all calls.

    False when `timeout` seconds passed, or a sink raised.
    """
    give_up = monotonic() + timeout
    telling = stats_reporter.ask_all()
    done = _own is None or _own.force_flush(int(timeout * 1000))
    chosen = chosen_provider()
    if chosen is not None and chosen is not _own and hasattr(chosen, "force_flush"):
        remaining = max(0, int((give_up - monotonic()) * 1000))
        done = chosen.force_flush(remaining) is not False and done
    done = outlets.flush_all(give_up) and done
    return stats_reporter.wait_for_all(telling, give_up - monotonic()) and done


def shutdown(timeout: float = 10.0) -> bool:
    """Flushes and stops our exporting and reporting for good, within `timeout` seconds; False when spans had to be
    dropped, or a sink of `report_stats` was not told of all calls.

    A provider that the application has set is the application's to shut down.
    """
    give_up = monotonic() + timeout
    telling = stats_reporter.ask_all()
    # Spans first: a sink that hangs would leave them no time.
    delivered = _own is None or _own.shutdown(timeout)
    told = stats_reporter.wait_for_all(telling, give_up - monotonic())
    return stats_reporter.shut_all_down(max(0.0, give_up - monotonic())) and told and delivered


def exporter_status() -> ExporterStatus:
    """How many spans are queued, exported, and dropped for which reason."""
    chosen = chosen_provider()
    if isinstance(chosen, TracerProvider):
        return chosen.status()
    return ExporterStatus() if _own is None else _own.status()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - the holder may be a thread that does not exist in the child
    _lock = threading.RLock()
    if stats_reporter.any_live():
        unbind_all()  # the first call of each function starts what reports in this process


forks.on_fork(_after_fork)
if settings.from_environment(os.environ).summary:
    summary.print_at_exit()
