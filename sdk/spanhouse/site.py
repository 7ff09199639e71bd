"""What all spans of one name from one tracer share, and how such a span starts.

A site is made once, from constants: its OTLP bytes are encoded here and never again. `start` is the hottest
code of the package after the wrapper around the user's function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spanhouse import active, attributes, ids
from spanhouse.clock import now_ns
from spanhouse.details import Details
from spanhouse.light_span import SAMPLED_RANDOM, LightSpan
from spanhouse_exporter import span_bytes
from spanhouse_exporter.pipeline import after_fork_in_child

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import SpanKind

    from spanhouse.attributes import Limits
    from spanhouse_exporter import Intake

_roots = ids.IdBatch("16s8s", after_fork_in_child)
_children = ids.IdBatch("8s", after_fork_in_child)
_new_span: Any = LightSpan.__new__
SPAN_KEY = active.SPAN_KEY


def forget_ids() -> None:
    """In a forked child: the ids at hand are the parent's."""
    _roots.clear()
    _children.clear()


class Site:
    """Name, kind, static attributes and destination of spans."""

    __slots__ = (
        "attribute_count",
        "attributes",
        "intake",
        "kind",
        "limits",
        "name",
        "otlp_kind",
        "stamp_child",
        "stamp_root",
    )

    def __init__(self, name: str, kind: SpanKind, given: Mapping[str, object], limits: Limits, intake: Intake) -> None:
        self.name = name
        self.kind = kind
        self.otlp_kind = kind.value + 1
        """The API counts kinds from 0, OTLP from 1."""
        self.limits = limits
        self.intake = intake
        self.attributes, _dropped = attributes.collect(
            given, limits.max_span_attributes, limits.max_span_attribute_length
        )
        self.attribute_count = len(self.attributes)
        encoded = b"".join([span_bytes.attribute(key, value) for key, value in self.attributes.items()])
        self.stamp_root, self.stamp_child = span_bytes.make_stamps(
            span_bytes.constant_fields(name, self.otlp_kind, encoded)
        )

    def start(self) -> LightSpan:
        """Starts a span under the current one and makes it current."""
        context = active.current()
        parent = context.get(SPAN_KEY)
        span: LightSpan = _new_span(LightSpan)
        span.site = self
        span.details = None
        if parent is None:
            span.trace_id, span.span_id = _roots.take()
            span.parent_id = b""
            span.flags = SAMPLED_RANDOM
        elif type(parent) is LightSpan and parent.flags == SAMPLED_RANDOM and parent.details is None:
            span.trace_id = parent.trace_id
            (span.span_id,) = _children.take()
            span.parent_id = parent.span_id
            span.flags = SAMPLED_RANDOM
        else:
            self._adopt(span, parent)
        span.end_mono = 0
        span.token = active.attach(active.with_span(context, span))
        span.start_mono = now_ns()
        return span

    def _adopt(self, span: LightSpan, parent: object) -> None:
        """The general case: a parent of another library, a remote one, or one with a trace state."""
        context = parent.get_span_context() if isinstance(parent, trace.Span) else None
        if context is None or not context.is_valid:
            span.trace_id, span.span_id = _roots.take()
            span.parent_id = b""
            span.flags = SAMPLED_RANDOM
            return
        span.trace_id = ids.to_wire(context.trace_id, 16)
        (span.span_id,) = _children.take()
        span.parent_id = ids.to_wire(context.span_id, 8)
        span.flags = context.trace_flags & 0xFF | span_bytes.FLAG_HAS_REMOTE
        if context.is_remote:
            span.flags |= span_bytes.FLAG_PARENT_REMOTE
        if context.trace_state:
            span.details = Details()
            span.details.trace_state = context.trace_state
