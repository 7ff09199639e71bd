"""Encoded requests, walked without decoding them: how many spans there are, and where one ends and the next begins.

Only lengths are read, at the three levels above a span. Field numbers are those of opentelemetry-proto:
ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans.
"""

from spanhouse_exporter import wire

_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 1, 2, 2


def count_spans(request: bytes) -> int:
    """Spans in an ExportTraceServiceRequest. Raises ValueError when it is not a whole one."""
    count = 0
    for number, resource_spans in wire.fields(request):
        if number != _RESOURCE_SPANS or not isinstance(resource_spans, bytes):
            raise ValueError("not an ExportTraceServiceRequest")
        for inner, scope_spans in wire.fields(resource_spans):
            if inner == _SCOPE_SPANS and isinstance(scope_spans, bytes):
                count += sum(innermost == _SPANS for innermost, _ in wire.fields(scope_spans))
    return count


def split_spans(spans: bytes, most: int) -> list[tuple[bytes, int]]:
    """Encoded spans (each with its tag, as `span_bytes` makes them) in pieces of at most `most`: (bytes, count)."""
    single = [wire.length_delimited(number, span) for number, span in wire.fields(spans) if isinstance(span, bytes)]
    return [
        (b"".join(single[first : first + most]), len(single[first : first + most]))
        for first in range(0, len(single), most)
    ]
