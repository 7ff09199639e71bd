"""A captured call recorded through a tracer provider that the application chose, as any instrumentation
would.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Span, Status, StatusCode

from spanhouse import active, details

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanKind, Tracer


class ForeignCall:
    """One call, one span of the application's provider."""

    __slots__ = ("span", "token")

    def __init__(self, tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, Any]) -> None:
        self.span: Span = tracer.start_span(name, kind=kind, attributes=attributes)
        self.token = active.attach(active.with_span(active.current(), self.span))

    def leave(self) -> None:
        """The call returned."""
        active.detach(self.token)
        self.span.end()

    def fail(self, error: BaseException) -> None:
        """The call raised."""
        active.detach(self.token)
        if isinstance(error, Exception) and self.span.is_recording():
            self.span.set_attribute("error.type", details.exception_type(error))
            self.span.record_exception(error)
            message = f"{type(error).__name__}: {details.exception_text(error)}"
            self.span.set_status(Status(StatusCode.ERROR, message))
        self.span.end()
