"""What all spans of one name from one tracer share, and how such a span starts the quick way.

A site is made once, from constants: its OTLP bytes are encoded here and never again. `begin` is the hottest code
of the package after the wrapper around the user's function; whatever it does not handle is in `starting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import TraceFlags

from spanhouse import active, attributes, limits, registry, starting
from spanhouse.clock import now_ns
from spanhouse.ids import CHILDREN, EXHAUSTED, NO_SPAN_ID, ROOTS
from spanhouse.light_span import RECORD_ONLY, SAMPLED_RANDOM, TRACE_STATE, LightSpan
from spanhouse_exporter import span_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import SpanKind

    from spanhouse.statistics import Statistics
    from spanhouse.tracer import Tracer
    from spanhouse_exporter import Intake

# Bound once: at these calls an attribute look-up is a measurable part of the whole.
_set_item = dict.__setitem__
_current, _attach = active.current, active.attach
_registry = registry.REGISTRY
SPAN_KEY = active.SPAN_KEY
SAMPLED = int(TraceFlags.SAMPLED)
UNUSUAL = SAMPLED | RECORD_ONLY | TRACE_STATE
"""Flags of a parent by which a child may be more than a stamp."""
FLAG_PARENT_REMOTE = span_bytes.FLAG_PARENT_REMOTE


class Site:
    """Name, kind and static attributes of spans, the tracer they belong to, and their statistics."""

    __slots__ = (
        "attributes",
        "chosen",
        "dropped_attributes",
        "durations",
        "intake",
        "kind",
        "limits",
        "name",
        "otlp_kind",
        "rebind",
        "stamp_child",
        "stamp_root",
        "statistics",
        "tracer",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        given: Mapping[str, object],
        statistics: Statistics | None = None,
    ) -> None:
        self.tracer: Tracer = tracer
        self.name: str = name
        self.kind: SpanKind = kind
        self.otlp_kind = kind.value + 1
        """The API counts kinds from 0, OTLP from 1."""
        self.limits: attributes.Limits = tracer.provider.limits
        self.intake: Intake = tracer.intake
        self.statistics: Statistics | None = statistics
        """None for spans of tracers: only captured calls, blocks and records are counted."""
        self.chosen: object = None
        """The application's global provider for which this is the right site of a captured call."""
        self.rebind: Callable[[], Any] | None = None
        """What begins a call when the application has changed its provider; only captured calls begin here."""
        self.durations: list[int] | None = statistics.pending if statistics is not None else None
        self.attributes: Mapping[str, object]
        self.dropped_attributes: int
        most = self.limits.max_span_attributes
        self.attributes, self.dropped_attributes = attributes.collect(
            given, most, self.limits.max_span_attribute_length
        )
        encoded = b"".join([span_bytes.attribute(key, value) for key, value in self.attributes.items()])
        constant = span_bytes.constant_fields(name, self.otlp_kind, encoded)
        self.stamp_root: span_bytes.StampRoot
        self.stamp_child: span_bytes.StampChild
        self.stamp_root, self.stamp_child = span_bytes.make_stamps(constant)
        if self.dropped_attributes:
            limits.report(name)
            self.stamp_root, self.stamp_child = _stamps_that_say_so(constant, self.dropped_attributes)

    def begin(self) -> LightSpan | starting.Unrecorded:
        """Starts a span under the current one and makes it current."""
        if _registry._TRACER_PROVIDER is not self.chosen:  # noqa: SLF001
            return self.rebind()  # type: ignore[misc, no-any-return]  # set for every captured call
        context = _current()
        parent = context.get(SPAN_KEY)
        if not self.tracer.provider.plain:
            return starting.begin(self, context)
        span = LightSpan()
        if parent is None:
            new_ids = next(ROOTS.batch, EXHAUSTED)
            span.trace_id, span.span_id = new_ids if new_ids[-1] != NO_SPAN_ID else ROOTS.take()
            span.parent_id = b""
            span.flags = SAMPLED_RANDOM
            others = len(context)
        elif type(parent) is LightSpan and (flags := parent.flags) & UNUSUAL == SAMPLED:
            (new_id,) = next(CHILDREN.batch, EXHAUSTED)
            span.trace_id = parent.trace_id
            span.span_id = new_id if new_id != NO_SPAN_ID else CHILDREN.take()[0]
            span.parent_id = parent.span_id
            span.flags = flags & ~FLAG_PARENT_REMOTE
            others = len(context) - 1
        else:
            return starting.begin(self, context)
        span.site = self
        span.details = None
        span.end_mono = 0
        # `active.with_span`, spelled out: in most programs the span is all that the context holds.
        within = Context(context) if others else Context()
        _set_item(within, SPAN_KEY, span)
        span.token = _attach(within)
        span.start_mono = now_ns()
        return span


def _stamps_that_say_so(constant: bytes, dropped: int) -> tuple[span_bytes.StampRoot, span_bytes.StampChild]:
    """Stamps of a site that has more static attributes than the limits allow; slower, and nobody's usual case."""
    parts = span_bytes.SpanParts(constant, dropped_attributes=dropped)

    def stamp_root(trace_id: bytes, span_id: bytes, start_ns: int, end_ns: int, flags: int) -> bytes:
        return span_bytes.assemble(trace_id, span_id, b"", start_ns, end_ns, flags, parts)

    def stamp_child(trace_id: bytes, span_id: bytes, parent_id: bytes, start_ns: int, end_ns: int, flags: int) -> bytes:
        return span_bytes.assemble(trace_id, span_id, parent_id, start_ns, end_ns, flags, parts)

    return stamp_root, stamp_child
