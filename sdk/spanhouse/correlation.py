"""The span in which something is logged or put, as fields of an OTLP log record."""

from typing import Any

from opentelemetry.trace import Span

from spanhouse import active
from spanhouse.light_span import LightSpan
from spanhouse_exporter import record_bytes

_current = active.current
_SPAN_KEY = active.SPAN_KEY


def current_ids() -> bytes:
    """Ids and flags of the current span: a captured call, or any of OpenTelemetry's; nothing where there is none."""
    span = _current().get(_SPAN_KEY)
    if type(span) is LightSpan:
        return record_bytes.context(span.trace_id, span.span_id, span.flags)
    found: Any = span.get_span_context() if isinstance(span, Span) else None  # some have been seen to answer None
    if found is None or not found.is_valid:
        return b""
    return record_bytes.context(
        found.trace_id.to_bytes(16, "big"), found.span_id.to_bytes(8, "big"), int(found.trace_flags)
    )
