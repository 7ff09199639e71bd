"""How a span starts when anything is out of the ordinary: samplers, processors, links, foreign or remote parents.

The order is the specification's ("Tracing SDK", "SDK Span creation"): trace id, sampler, span id even for a span
that is dropped, then the span, then the processors.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from spanhouse import active, ids
from spanhouse.clock import ANCHOR, now_ns
from spanhouse.details import Details
from spanhouse.light_span import RANDOM_TRACE_ID, RECORD_ONLY, TRACE_STATE, LightSpan
from spanhouse_exporter import span_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, TraceState

    from spanhouse.site import Site
    from spanhouse.statistics import Statistics


_logger = logging.getLogger(__name__)


class Unrecorded:
    """A captured call whose span is not recorded: it is current all the same, and its duration still counts."""

    __slots__ = ("span", "start_mono", "statistics", "token")

    def __init__(self, span: Span, context: Context, statistics: Statistics | None) -> None:
        self.span: Span = span
        self.statistics: Statistics | None = statistics
        self.token: Any = active.attach(active.with_span(context, span))
        self.start_mono: int = now_ns()

    def leave(self) -> None:
        """The call returned."""
        end = now_ns()
        active.detach(self.token)
        if self.statistics is not None:
            self.statistics.add(end - self.start_mono)

    def fail(self, error: BaseException, skip_frames: int = 0) -> None:  # noqa: ARG002 - nothing to describe
        """The call raised."""
        end = now_ns()
        active.detach(self.token)
        if self.statistics is not None:
            self.statistics.add(end - self.start_mono, failed=isinstance(error, Exception))

    def suspend(self) -> Context:
        """A generator hands over to its consumer."""
        inside = active.current()
        active.detach(self.token)
        return inside

    def resume(self, inside: Context) -> None:
        """The generator goes on."""
        self.token = active.attach(inside)


class Extras(NamedTuple):
    """What `Tracer.start_span` may be given beside the name."""

    attributes: Mapping[str, Any] | None = None
    links: Sequence[Link] | None = None
    start_ns: int | None = None
    """Nanoseconds since the epoch; None is now."""


_NO_EXTRAS = Extras()


def begin(site: Site, context: Context) -> LightSpan | Unrecorded:
    """Starts a captured call's span under `context` and makes it current; never raises."""
    try:
        span = start(site, context, _NO_EXTRAS)
    except Exception:
        # A sampler or id generator of the user's: their mistake must not become an error of the captured function.
        _logger.exception("spanhouse could not start a span for %s", site.name)
        return Unrecorded(trace.INVALID_SPAN, context, site.statistics)
    if not isinstance(span, LightSpan):
        return Unrecorded(span, active.current(), site.statistics)
    span.token = active.attach(active.with_span(active.current(), span))
    span.start_mono = now_ns()
    return span


def start(site: Site, context: Context, extras: Extras) -> Span:
    """Starts a span under the span of `context`; a NonRecordingSpan when the sampler drops it."""
    provider = site.tracer.provider
    parent = _parent_of(context)
    attributes = extras.attributes
    trace_state: TraceState | None
    if provider.sampler is None:
        trace_id, span_id = _new_ids(site, parent)
        sampled = recording = parent is None or parent.trace_flags.sampled
        trace_state = parent.trace_state if parent is not None else None
    else:
        from opentelemetry.sdk.trace.sampling import Decision  # noqa: PLC0415 - a sampler has imported it

        trace_id, span_id = _new_ids(site, parent)
        given = {**site.attributes, **(attributes or {})}
        result = provider.sampler.should_sample(
            context, ids.from_wire(trace_id), site.name, site.kind, given, extras.links or ()
        )
        sampled = result.decision is Decision.RECORD_AND_SAMPLE
        recording = result.decision is not Decision.DROP
        attributes, trace_state = result.attributes, result.trace_state
    flags = _flags(site, parent, sampled=sampled)
    if not recording:
        return NonRecordingSpan(
            SpanContext(
                ids.from_wire(trace_id),
                ids.from_wire(span_id),
                is_remote=False,
                trace_flags=TraceFlags(flags & 0xFF),
                trace_state=trace_state,
            )
        )
    if not sampled:
        flags |= RECORD_ONLY
    if trace_state:
        flags |= TRACE_STATE
    span = LightSpan.__new__(LightSpan)
    span.site = site
    span.trace_id, span.span_id = trace_id, span_id
    span.parent_id = ids.to_wire(parent.span_id, 8) if parent is not None else b""
    span.flags = flags
    span.end_mono = 0
    span.token = None
    span.details = _details(site, parent, attributes, trace_state, extras)
    span.start_mono = now_ns() if extras.start_ns is None else extras.start_ns - ANCHOR.offset_ns
    for processor in provider.processors:
        try:
            processor.on_start(span, parent_context=context)  # type: ignore[arg-type]  # typed for the SDK's span
        except Exception:
            _logger.exception("spanhouse: on_start of %s failed", type(processor).__name__)
    return span


def _parent_of(context: Context) -> SpanContext | None:
    found = context.get(active.SPAN_KEY)
    if not isinstance(found, trace.Span):
        return None
    context_of_parent: Any = found.get_span_context()  # foreign spans have been seen to answer None
    if context_of_parent is None or not context_of_parent.is_valid:
        return None
    parent: SpanContext = context_of_parent
    return parent


def _new_ids(site: Site, parent: SpanContext | None) -> tuple[bytes, bytes]:
    generator = site.tracer.provider.id_generator
    if generator is not None:
        trace_id = generator.generate_trace_id() if parent is None else parent.trace_id
        return ids.to_wire(trace_id, 16), ids.to_wire(generator.generate_span_id(), 8)
    if parent is None:
        trace_wire, span_wire = ids.ROOTS.take()
        return trace_wire, span_wire
    return ids.to_wire(parent.trace_id, 16), ids.CHILDREN.take()[0]


def _flags(site: Site, parent: SpanContext | None, *, sampled: bool) -> int:
    """W3C Trace Context Level 2, "Trace Flags": random is a property of the trace id, inherited with it."""
    flags = span_bytes.FLAG_HAS_REMOTE | (TraceFlags.SAMPLED if sampled else 0)
    if parent is None:
        generator = site.tracer.provider.id_generator
        # is_trace_id_random is younger than the oldest API we take; a generator from before makes no promise.
        if generator is None or getattr(generator, "is_trace_id_random", bool)():
            flags |= RANDOM_TRACE_ID
        return flags
    if parent.is_remote:
        flags |= span_bytes.FLAG_PARENT_REMOTE
    return flags | (parent.trace_flags & RANDOM_TRACE_ID)


def _details(
    site: Site,
    parent: SpanContext | None,
    attributes: Mapping[str, Any] | None,
    trace_state: TraceState | None,
    extras: Extras,
) -> Details | None:
    """Details for what the template does not say; None when that is nothing."""
    static = site.attributes
    own = {key: value for key, value in (attributes or {}).items() if key not in static or static[key] != value}
    if not (own or trace_state or extras.links or extras.start_ns is not None or site.tracer.provider.processors):
        return None
    details = Details()
    details.parent = parent
    details.trace_state = trace_state or None
    details.start_ns = extras.start_ns
    for key, value in own.items():
        details.set_attribute(key, value, site.limits, static)
    for link in extras.links or ():
        if link.context.is_valid or link.attributes or link.context.trace_state:
            details.add_link(link.context, link.attributes, site.limits)
    return details
