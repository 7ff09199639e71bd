"""The tracer and tracer provider of the OpenTelemetry API over light spans: a drop-in for the SDK's."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanhouse import active, details, starting
from spanhouse.light_span import LightSpan
from spanhouse.site import Site
from spanhouse.starting import Extras
from spanhouse_exporter import scope_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, Span

    from spanhouse.call_site import CallSite
    from spanhouse.provider import TracerProvider
    from spanhouse_exporter import Intake

_MOST_SITES = 2048
"""Names whose template is kept; a program that puts ids into span names makes further ones as it goes."""


class Tracer(trace.Tracer):
    """Makes spans of one instrumentation scope; from `TracerProvider.get_tracer`."""

    def __init__(
        self,
        provider: TracerProvider,
        name: str,
        version: str,
        schema_url: str,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        self.provider = provider
        self._scope = (name, version, schema_url, dict(attributes or {}))
        self.intake: Intake = provider.intake(scope_fields(name, version, attributes, schema_url))
        self._sites: dict[tuple[str, SpanKind], Site] = {}

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """The scope as the SDK has it."""
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - rarely asked

        name, version, schema_url, attributes = self._scope
        return InstrumentationScope(name, version, schema_url, attributes)

    def site(self, call_site: CallSite, chosen: object) -> Site:
        """Constants for captured calls; `chosen` is the global provider while the binding holds."""
        site = Site(self, call_site.name, call_site.kind, call_site.attributes, call_site.statistics)
        site.chosen = chosen
        site.rebind = call_site.unbind_and_begin
        return site

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """Starts a span without making it current (trace API, "Span Creation")."""
        site = self._sites.get((name, kind))
        if site is None:
            site = Site(self, str(name), kind, {})
            if len(self._sites) < _MOST_SITES:
                self._sites[name, kind] = site
        within = active.current() if context is None else context
        span = starting.start(site, within, Extras(attributes, links, start_time))
        if not (record_exception and set_status_on_exception) and isinstance(span, LightSpan):
            span.on_exception = (record_exception, set_status_on_exception)
        return span

    def start_as_current_span(  # type: ignore[override]  # the API types its own helper class
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """A context manager, and a decorator of functions and coroutine functions, around a current span."""
        start = functools.partial(self.start_span, name, context, kind, attributes, links, start_time)
        return CurrentSpan(start, record=record_exception, set_status=set_status_on_exception, end=end_on_exit)


class CurrentSpan:
    """One use of `start_as_current_span`; as a decorator, one per call."""

    __slots__ = ("_end", "_record", "_set_status", "_span", "_start", "_token")

    def __init__(self, start: Callable[[], Span], *, record: bool, set_status: bool, end: bool) -> None:
        self._start = start
        self._record = record
        self._set_status = set_status
        self._end = end

    def __enter__(self) -> Span:
        self._span = self._start()
        self._token: Any = active.attach(active.with_span(active.current(), self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        active.detach(self._token)
        span = self._span
        # Exceptions only: GeneratorExit, CancelledError and SystemExit are ways to end, not errors.
        if isinstance(error, Exception) and span.is_recording():
            if self._record:
                span.record_exception(error)
            if self._set_status:
                message = f"{type(error).__name__}: {details.exception_text(error)}"
                span.set_status(Status(StatusCode.ERROR, message))
        if self._end:
            span.end()

    def _again(self) -> Self:
        return type(self)(self._start, record=self._record, set_status=self._set_status, end=self._end)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorates `function`."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def spanned_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return spanned_coroutine

        @functools.wraps(function)
        def spanned(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return spanned
