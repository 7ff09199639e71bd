"""One captured function: its name and constants, and where its spans go.

Where they go can change while a program runs: an application may set its tracer provider after the first
captured call, or call `configure`. Each call compares one reference to see whether that happened.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace

from spanhouse import runtime
from spanhouse.foreign_call import ForeignCall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanKind

    from spanhouse.site import Site

_logger = logging.getLogger(__name__)


class Call(Protocol):
    """One call being timed."""

    def leave(self) -> None:
        """It returned."""

    def fail(self, error: BaseException) -> None:
        """It raised."""


class _Nothing:
    """Stands in when a call could not be started: the program runs on, untimed."""

    def leave(self) -> None:
        """Does nothing."""

    def fail(self, error: BaseException) -> None:
        """Does nothing."""


class CallSite:
    """Constants of one captured function, bound to the provider of the moment.

    Concurrency: `_bind` may run in several threads at once; each makes an equal binding and the last one
    stays.
    """

    __slots__ = ("__weakref__", "_bound_to", "_site", "_tracer", "attributes", "kind", "name")

    def __init__(self, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> None:
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self._bound_to: object = runtime.UNBOUND
        self._site: Site | None = None
        self._tracer: trace.Tracer | None = None
        runtime.call_sites.add(self)

    def unbind(self) -> None:
        """The next call looks again where spans go."""
        self._bound_to = runtime.UNBOUND

    def begin(self) -> Call:
        """Starts timing one call; never raises."""
        try:
            if runtime.chosen_provider() is not self._bound_to:
                self._bind()
            if self._site is not None:
                return self._site.start()
            if self._tracer is not None:
                return ForeignCall(self._tracer, self.name, self.kind, self.attributes)
        except Exception:
            _logger.exception("spanhouse could not start a span for %s", self.name)
        return _Nothing()

    def _bind(self) -> None:
        provider = runtime.chosen_provider()
        if provider is None:
            self._tracer = None
            self._site = runtime.get().site(self.name, self.kind, self.attributes)
        else:
            self._site = None
            self._tracer = trace.get_tracer(runtime.SCOPE_NAME, runtime.VERSION)
        self._bound_to = provider
