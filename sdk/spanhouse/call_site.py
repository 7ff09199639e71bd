"""One captured function: its name, constants and statistics, and where its spans go.

Where they go can change while a program runs: an application may set its tracer provider after the first
captured call, or call `configure`. `begin` is therefore replaced, not asked: it is the bound site's own while the
binding holds, and each call compares one reference to see whether it does.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind

from spanhouse import active, runtime, statistics, stats_reporter
from spanhouse.clock import ANCHOR
from spanhouse.foreign_call import ForeignCall
from spanhouse.light_span import LightSpan
from spanhouse.provider import TracerProvider
from spanhouse.registry import chosen_provider
from spanhouse.starting import Extras, start
from spanhouse.version import SCOPE_NAME, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from spanhouse.site import Site

_logger = logging.getLogger(__name__)


class Call(Protocol):
    """One call being timed."""

    @property
    def span(self) -> Span:
        """The call's span."""

    def leave(self) -> None:
        """It returned."""

    def fail(self, error: BaseException, skip_frames: int = 0) -> None:
        """It raised."""

    def suspend(self) -> Context:
        """A generator hands over to its consumer; returns what `resume` takes."""

    def resume(self, inside: Context) -> None:
        """The generator goes on."""


class _Nothing:
    """Stands in when a call could not be started: the program runs on, untimed."""

    span: Span = INVALID_SPAN

    def leave(self) -> None:
        """Does nothing."""

    def fail(self, error: BaseException, skip_frames: int = 0) -> None:
        """Does nothing."""

    def suspend(self) -> Context:
        """Changes nothing."""
        return active.current()

    def resume(self, inside: Context) -> None:
        """Changes nothing."""


class CallSite:
    """Constants of one captured function, bound to the provider of the moment.

    Concurrency: `_bind` may run in several threads at once; each makes an equal binding and the last one stays.
    """

    __slots__ = (
        "__weakref__",
        "_bound_to",
        "_site",
        "_tracer",
        "attributes",
        "begin",
        "kind",
        "name",
        "statistics",
    )

    def __init__(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, Any] | None = None
    ) -> None:
        self.name: str = name
        self.kind: SpanKind = kind
        self.attributes: Mapping[str, Any] = attributes or {}
        self.statistics: statistics.Statistics = statistics.of(name)
        self.begin: Callable[[], Call] = self._begin_first
        """Starts timing one call; never raises."""
        self._bound_to: object = runtime.UNBOUND
        self._site: Site | None = None
        self._tracer: trace.Tracer | None = None
        runtime.call_sites.add(self)

    def unbind(self) -> None:
        """The next call looks again where spans go."""
        self.begin = self._begin_first

    def unbind_and_begin(self) -> Call:
        """Begins a call for which the binding turned out not to hold any more."""
        self.unbind()
        return self.begin()

    def _begin_first(self) -> Call:
        """Finds out where spans go, and begins a call there; never raises."""
        try:
            self._bind()
            return self.begin()
        except Exception:
            _logger.exception("spanhouse could not start a span for %s", self.name)
            return _Nothing()

    def _begin_foreign(self) -> Call:
        try:
            if chosen_provider() is not self._bound_to:
                return self._begin_first()
            return ForeignCall(self._tracer or trace.NoOpTracer(), self)
        except Exception:
            _logger.exception("spanhouse could not start a span for %s", self.name)
            return _Nothing()

    def record(self, start_ns: int, end_ns: int, attributes: Mapping[str, Any] | None) -> None:
        """A finished span between two instants (nanoseconds since the epoch); never raises."""
        try:
            if self.begin == self._begin_first or chosen_provider() is not self._bound_to:
                self._bind()
            end_ns = max(start_ns, end_ns)
            if self._site is None:
                self.statistics.add(end_ns - start_ns)
                tracer = self._tracer or trace.NoOpTracer()
                given = {**self.attributes, **(attributes or {})}
                tracer.start_span(self.name, None, self.kind, given, start_time=start_ns).end(end_ns)
                return
            span = start(self._site, active.current(), Extras(attributes, None, start_ns))
            if isinstance(span, LightSpan):
                span.end_at(end_ns - ANCHOR.offset_ns, end_ns)
            else:
                self.statistics.add(end_ns - start_ns)
        except Exception:
            _logger.exception("spanhouse could not record %s", self.name)

    def _bind(self) -> None:
        chosen = chosen_provider()
        provider = runtime.provider_for_captured_calls()
        if isinstance(provider, TracerProvider):
            self._tracer = None
            self._site = provider.tracer(SCOPE_NAME, VERSION).site(self, chosen)
            self.begin = self._site.begin
        else:
            self._site = None
            self._tracer = provider.get_tracer(SCOPE_NAME, VERSION)
            self.begin = self._begin_foreign
        self._bound_to = chosen
        stats_reporter.start_all()


@functools.lru_cache(maxsize=1024)
def named(name: str) -> CallSite:
    """The site of a block or record; names beyond the cache's size cost more, and mean nothing anyway."""
    return CallSite(name)
