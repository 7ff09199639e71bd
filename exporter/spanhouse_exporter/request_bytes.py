"""Encoded requests, walked without decoding them: how many spans there are, and where one ends and the next begins.

Only lengths are read, at the three levels above a span. Field numbers are those of opentelemetry-proto:
ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans, and the same for log records.
"""

from spanhouse_exporter import wire

_RESOURCES, _SCOPES, _ITEMS = 1, 2, 2


def count_items(request: bytes) -> int:
    """Spans or log records in an export request. Raises ValueError when it is not a whole one."""
    count = 0
    for number, resource in wire.fields(request):
        if number != _RESOURCES or not isinstance(resource, bytes):
            raise ValueError("not an OTLP export request")
        for inner, scope in wire.fields(resource):
            if inner == _SCOPES and isinstance(scope, bytes):
                count += sum(innermost == _ITEMS for innermost, _ in wire.fields(scope))
    return count


def split_items(items: bytes, most: int) -> list[tuple[bytes, int]]:
    """Encoded items (each with its tag, as `span_bytes` makes them) in pieces of at most `most`: (bytes, count)."""
    single = [wire.length_delimited(number, item) for number, item in wire.fields(items) if isinstance(item, bytes)]
    return [
        (b"".join(single[first : first + most]), len(single[first : first + most]))
        for first in range(0, len(single), most)
    ]
