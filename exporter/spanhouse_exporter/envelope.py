"""Spans or log records already encoded -> one ExportTraceServiceRequest or ExportLogsServiceRequest.

Resource and scope are encoded once and repeated; the items are joined as they are. The message is three
lengths and the bytes in between, so the cost of a request does not depend on how many items it carries.
"""

from collections.abc import Iterable, Mapping, Sequence

from spanhouse_exporter import wire

# ExportTraceServiceRequest.resource_spans, ResourceSpans.{resource,scope_spans,schema_url},
# ScopeSpans.{scope,spans,schema_url}, Resource.attributes, InstrumentationScope.{name,version,attributes};
# the same numbers in ExportLogsServiceRequest.resource_logs and below.
_RESOURCES, _RESOURCE, _SCOPES, _SCHEMA_URL, _SCOPE = 1, 1, 2, 3, 1

EMPTY_RESPONSE = b""


def resource_fields(attributes: Mapping[str, object], schema_url: str = "") -> bytes:
    """The part of ResourceSpans or ResourceLogs that says who sends: resource and its schema URL."""
    resource = wire.length_delimited(_RESOURCE, wire.key_values(1, attributes))
    return resource + wire.string(_SCHEMA_URL, schema_url)


def scope_fields(
    name: str, version: str = "", attributes: Mapping[str, object] | None = None, schema_url: str = ""
) -> bytes:
    """The part of ScopeSpans or ScopeLogs that says which library made the items."""
    body = wire.string(1, name) + wire.string(2, version) + wire.key_values(3, attributes or {})
    return wire.length_delimited(_SCOPE, body) + wire.string(_SCHEMA_URL, schema_url)


def request(resource: bytes, scopes: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """One request: `resource` from `resource_fields`, and for each scope its `scope_fields` and encoded
    items, tag included.
    """
    parts: list[bytes] = [resource]
    size = len(resource)
    for scope, items in scopes:
        length = len(scope) + sum(map(len, items))
        head = wire.tag(_SCOPES, 2) + wire.varint(length) + scope
        parts.append(head)
        parts.extend(items)
        size += len(head) + length - len(scope)
    return b"".join((wire.tag(_RESOURCES, 2), wire.varint(size), *parts))


def partial_success(response: bytes) -> tuple[int, str]:
    """(rejected items, message) of an Export*ServiceResponse. Raises ValueError when it is malformed."""
    rejected, message = 0, ""
    for number, value in wire.fields(response):
        if number == 1 and isinstance(value, bytes):
            for inner, content in wire.fields(value):
                if inner == 1 and isinstance(content, int):
                    rejected = content
                elif inner == 2 and isinstance(content, bytes):  # noqa: PLR2004 - error_message
                    message = content.decode("utf-8", "replace")
    return rejected, message
