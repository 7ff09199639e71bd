"""What processors and exporters of other libraries see of our spans.

While a span runs, its own properties answer (`ReadableSurface`); when it has ended, processors get a real
`ReadableSpan` of the SDK, so that console, in-memory and any other exporter work unchanged. Both are computed
when asked for: a program without such processors pays nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from spanhouse import ids
from spanhouse.clock import ANCHOR
from spanhouse_exporter import span_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link

    from spanhouse.light_span import LightSpan


class ReadableSurface:
    """The properties of the SDK's `ReadableSpan`, for a `LightSpan` (times in nanoseconds since the epoch)."""

    __slots__ = ()

    @property
    def name(self: LightSpan) -> str:  # type: ignore[misc]  # a mixin of exactly that class
        """The span's name as it is now."""
        extra = self.details
        return self.site.name if extra is None or extra.name is None else extra.name

    @property
    def context(self: LightSpan) -> SpanContext:  # type: ignore[misc]
        """The same as `get_span_context()`."""
        return self.get_span_context()

    @property
    def kind(self: LightSpan) -> SpanKind:  # type: ignore[misc]
        """The span's kind."""
        return self.site.kind

    @property
    def parent(self: LightSpan) -> SpanContext | None:  # type: ignore[misc]
        """The parent's context; None for a root."""
        if not self.parent_id:
            return None
        if self.details is not None and self.details.parent is not None:
            return self.details.parent
        return SpanContext(
            ids.from_wire(self.trace_id),
            ids.from_wire(self.parent_id),
            is_remote=bool(self.flags & span_bytes.FLAG_PARENT_REMOTE),
            trace_flags=TraceFlags(self.flags & 0xFF),
            trace_state=TraceState(),
        )

    @property
    def start_time(self: LightSpan) -> int:  # type: ignore[misc]
        """When it started."""
        extra = self.details
        if extra is not None and extra.start_ns is not None:
            return extra.start_ns
        return self.start_mono + ANCHOR.offset_ns

    @property
    def end_time(self: LightSpan) -> int | None:  # type: ignore[misc]
        """When it ended; None while it runs."""
        if not self.end_mono:
            return None
        extra = self.details
        if extra is not None and extra.end_ns is not None:
            return extra.end_ns
        return self.end_mono + ANCHOR.offset_ns

    @property
    def attributes(self: LightSpan) -> Mapping[str, Any]:  # type: ignore[misc]
        """Attributes as they are now; read-only."""
        extra = self.details
        static = self.site.attributes
        return MappingProxyType(static if extra is None else {**static, **extra.attributes})

    @property
    def status(self: LightSpan) -> Status:  # type: ignore[misc]
        """Status as it is now."""
        extra = self.details
        if extra is None:
            return Status(StatusCode.UNSET)
        return Status(StatusCode(extra.status), extra.status_message or None)

    @property
    def events(self: LightSpan) -> Sequence[Event]:  # type: ignore[misc]
        """Events as they are now."""
        from opentelemetry.sdk.trace import Event  # noqa: PLC0415 - only where processors are used

        found = self.details.events if self.details is not None else ()
        return tuple(
            Event(item.name, _bounded(item.attributes, item.dropped_attributes), item.time_ns) for item in found
        )

    @property
    def links(self: LightSpan) -> Sequence[Link]:  # type: ignore[misc]
        """Links as they are now."""
        from opentelemetry.trace import Link  # noqa: PLC0415 - as above

        found = self.details.links if self.details is not None else ()
        return tuple(Link(item.context, _bounded(item.attributes, item.dropped_attributes)) for item in found)

    @property
    def dropped_attributes(self: LightSpan) -> int:  # type: ignore[misc]
        """Attributes that the limits refused."""
        own = self.details.dropped_attributes if self.details is not None else 0
        return own + self.site.dropped_attributes

    @property
    def dropped_events(self: LightSpan) -> int:  # type: ignore[misc]
        """Events that the limits refused."""
        return self.details.dropped_events if self.details is not None else 0

    @property
    def dropped_links(self: LightSpan) -> int:  # type: ignore[misc]
        """Links that the limits refused."""
        return self.details.dropped_links if self.details is not None else 0

    @property
    def resource(self: LightSpan) -> Resource:  # type: ignore[misc]
        """The provider's resource."""
        return self.site.tracer.provider.resource

    @property
    def instrumentation_scope(self: LightSpan) -> InstrumentationScope:  # type: ignore[misc]
        """The tracer's scope."""
        return self.site.tracer.instrumentation_scope


def _bounded(attributes: Mapping[str, Any], dropped: int) -> Any:
    from opentelemetry.attributes import BoundedAttributes  # noqa: PLC0415 - as above

    bounded = BoundedAttributes(attributes=attributes, immutable=True)
    bounded.dropped = dropped
    return bounded


def _bounded_list(items: Sequence[Any], dropped: int) -> Any:
    from opentelemetry.sdk.util import BoundedList  # noqa: PLC0415 - as above

    bounded: Any = BoundedList.from_seq(None, items)
    bounded.dropped = dropped
    return bounded


def snapshot(span: LightSpan) -> ReadableSpan:
    """A real ReadableSpan of the SDK, as processors expect in `on_end`."""
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - as above

    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=_bounded(span.attributes, span.dropped_attributes),
        events=_bounded_list(span.events, span.dropped_events),
        links=_bounded_list(span.links, span.dropped_links),
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
