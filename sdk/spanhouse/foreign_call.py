"""A captured call recorded through a tracer provider that the application chose, as any instrumentation would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Span, Status, StatusCode

from spanhouse import active, details
from spanhouse.clock import now_ns

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

    from spanhouse.call_site import CallSite
    from spanhouse.statistics import Statistics


class ForeignCall:
    """One call, one span of the application's provider."""

    __slots__ = ("span", "start_mono", "statistics", "token")

    def __init__(self, tracer: Tracer, site: CallSite) -> None:
        self.statistics: Statistics = site.statistics
        self.span: Span = tracer.start_span(site.name, kind=site.kind, attributes=site.attributes)
        self.token: Any = active.attach(active.with_span(active.current(), self.span))
        self.start_mono: int = now_ns()

    def leave(self) -> None:
        """The call returned."""
        end = now_ns()
        active.detach(self.token)
        self.statistics.add(end - self.start_mono)
        self.span.end()

    def fail(self, error: BaseException, skip_frames: int = 0) -> None:  # noqa: ARG002 - theirs to describe
        """The call raised."""
        end = now_ns()
        active.detach(self.token)
        failed = isinstance(error, Exception)
        self.statistics.add(end - self.start_mono, failed=failed)
        if failed and self.span.is_recording():
            self.span.set_attribute("error.type", details.exception_type(error))
            self.span.record_exception(error)
            message = f"{type(error).__name__}: {details.exception_text(error)}"
            self.span.set_status(Status(StatusCode.ERROR, message))
        self.span.end()

    def suspend(self) -> Context:
        """A generator hands over to its consumer."""
        inside = active.current()
        active.detach(self.token)
        return inside

    def resume(self, inside: Context) -> None:
        """The generator goes on."""
        self.token = active.attach(inside)
