"""What a span carries beyond its call site's constants; most spans have none, and then this does not exist."""

import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from opentelemetry.trace import SpanContext, TraceState

from spanhouse import attributes
from spanhouse.attributes import Limits
from spanhouse_exporter import span_bytes

NOTHING: Mapping[str, object] = MappingProxyType({})
UNSET, OK, ERROR = 0, 1, 2
"""Status codes, as in opentelemetry.proto.trace.v1.Status."""


class EventData(NamedTuple):
    """One event, cleaned."""

    name: str
    time_ns: int
    attributes: Mapping[str, object]
    dropped_attributes: int


class LinkData(NamedTuple):
    """One link, cleaned."""

    context: SpanContext
    attributes: Mapping[str, object]
    dropped_attributes: int


class Details:
    """Attributes, events, links, status and explicit times of one span.

    Concurrency: each change is one dictionary or list operation, atomic under the interpreter lock; two
    threads that fill a span to its limit at the same instant may overshoot it by one, and no lock is taken
    for that.
    """

    __slots__ = (
        "attributes",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "end_ns",
        "events",
        "links",
        "lossy",
        "name",
        "parent",
        "start_ns",
        "status",
        "status_message",
        "trace_state",
    )

    def __init__(self) -> None:
        self.attributes: dict[str, object] = {}
        self.events: list[EventData] = []
        self.links: list[LinkData] = []
        self.dropped_attributes: int = 0
        self.dropped_events: int = 0
        self.dropped_links: int = 0
        self.lossy: bool = False
        """Whether anything was dropped, from an event or a link too."""
        self.status: int = UNSET
        self.status_message: str = ""
        self.name: str | None = None
        """Only when it differs from the call site's."""
        self.parent: SpanContext | None = None
        """Only when somebody may ask for more about it than the span id."""
        self.trace_state: TraceState | None = None
        self.start_ns: int | None = None
        """Wall time, only when given by the user."""
        self.end_ns: int | None = None

    def set_attribute(self, key: object, value: object, limits: Limits, static: Mapping[str, object] = NOTHING) -> None:
        """Sets an attribute, or counts it as dropped; `static` are those that the call site carries already."""
        most = limits.max_span_attributes
        room = None if most is None or key in static else max(0, most - len(static))
        if not attributes.add(self.attributes, key, value, room, limits.max_span_attribute_length):
            self.dropped_attributes += 1
            self.lossy = True

    def add_event(self, name: str, time_ns: int, given: Mapping[str, object] | None, limits: Limits) -> None:
        """Adds an event, or counts it as dropped."""
        if limits.max_events is not None and len(self.events) >= limits.max_events:
            self.dropped_events += 1
            self.lossy = True
            return
        cleaned, dropped = attributes.collect(given, limits.max_event_attributes, limits.max_attribute_length)
        self.lossy = self.lossy or bool(dropped)
        self.events.append(EventData(str(name), time_ns, cleaned, dropped))

    def add_link(self, context: SpanContext, given: Mapping[str, object] | None, limits: Limits) -> None:
        """Adds a link, or counts it as dropped."""
        if limits.max_links is not None and len(self.links) >= limits.max_links:
            self.dropped_links += 1
            self.lossy = True
            return
        cleaned, dropped = attributes.collect(given, limits.max_link_attributes, limits.max_attribute_length)
        self.lossy = self.lossy or bool(dropped)
        self.links.append(LinkData(context, cleaned, dropped))

    def set_status(self, code: int, message: str) -> None:
        """Status as the specification wants it: Ok is final, Unset is ignored, only Error has a message."""
        if self.status == OK or code == UNSET:
            return
        self.status = code
        self.status_message = message if code == ERROR else ""

    def encode(self, name: str, kind: int, static: Mapping[str, object], static_dropped: int) -> span_bytes.SpanParts:
        """All of it as OTLP bytes, with the call site's constants and how many of those the limits refused."""
        merged = {**static, **self.attributes} if self.attributes else static
        encoded = b"".join([span_bytes.attribute(key, value) for key, value in merged.items()])
        return span_bytes.SpanParts(
            constant=span_bytes.constant_fields(self.name or name, kind, encoded),
            trace_state=self.trace_state.to_header() if self.trace_state else "",
            events=b"".join(map(_encode_event, self.events)),
            links=b"".join(map(_encode_link, self.links)),
            status=span_bytes.status(self.status, self.status_message),
            dropped_attributes=self.dropped_attributes + static_dropped,
            dropped_events=self.dropped_events,
            dropped_links=self.dropped_links,
        )


def _encode_event(event: EventData) -> bytes:
    encoded = b"".join([span_bytes.event_attribute(key, value) for key, value in event.attributes.items()])
    return span_bytes.event(event.name, event.time_ns, encoded, event.dropped_attributes)


def _encode_link(link: LinkData) -> bytes:
    context = link.context
    flags = context.trace_flags & 0xFF | span_bytes.FLAG_HAS_REMOTE
    if context.is_remote:
        flags |= span_bytes.FLAG_PARENT_REMOTE
    return span_bytes.link(
        context.trace_id.to_bytes(16, "big"),
        context.span_id.to_bytes(8, "big"),
        context.trace_state.to_header(),
        flags,
        b"".join([span_bytes.link_attribute(key, value) for key, value in link.attributes.items()]),
        link.dropped_attributes,
    )


def exception_type(error: BaseException) -> str:
    """The module-qualified type name; built-in exceptions go by their bare name."""
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "", None) else f"{module}.{kind.__qualname__}"


def exception_text(error: BaseException) -> str:
    """`str(error)`, or a stand-in for one whose `__str__` raises."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the user's own code; the call's exception matters, not this one
        return "<exception without text>"


def exception_attributes(error: BaseException, *, skip_frames: int = 0) -> dict[str, object]:
    """Attributes of an `exception` event (semantic conventions, "Exceptions on spans").

    `skip_frames` leaves out our own frames at the outer end of the traceback.
    """
    frames = error.__traceback__
    for _ in range(skip_frames):
        frames = frames.tb_next if frames is not None else None
    try:
        stacktrace = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001 - as above: __str__ of the exception or of a cause
        stacktrace = ""
    return {
        "exception.type": exception_type(error),
        "exception.message": exception_text(error),
        "exception.stacktrace": stacktrace,
    }
