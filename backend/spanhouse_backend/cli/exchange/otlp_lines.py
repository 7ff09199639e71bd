"""Spans as OTLP requests, in the JSON encoding: one request a line is what collectors' file exporters write and read.

Attribute values are texts in the store, and so they are here; stored again, they are the same.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

# So many spans that a request is worth its own journey, and so few that a line can still be looked at.
SPANS_PER_REQUEST = 500
_KINDS = {name: number for number, name in enumerate(("", "Internal", "Server", "Client", "Producer", "Consumer"))}
_CODES = {"Ok": 1, "Error": 2}


def requests(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """ExportTraceServiceRequests of spans as GET /api/v1/spans gives them, in their order.

    The same spans in the same order make the same requests, byte for byte, which is how a server knows them again.
    """
    remaining = iter(rows)
    while batch := list(islice(remaining, SPANS_PER_REQUEST)):
        resources: dict[str, dict[str, Any]] = {}
        scopes: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for row in batch:
            resource = json.dumps(row["resource"])
            resource_spans = resources.setdefault(
                resource, {"resource": {"attributes": _attributes(row["resource"])}, "scopeSpans": []}
            )
            key = (resource, row["scope"], row["scope_version"])
            if key not in scopes:
                scopes[key] = []
                scope = {"name": row["scope"], "version": row["scope_version"]}
                resource_spans["scopeSpans"].append({"scope": scope, "spans": scopes[key]})
            scopes[key].append(_span(row))
        yield {"resourceSpans": list(resources.values())}


def line(request: Mapping[str, Any]) -> bytes:
    """A request as one line, its end included."""
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _span(row: Mapping[str, Any]) -> dict[str, Any]:
    start_ns = row["start_unix_ns"]
    # 64-bit numbers are strings in protobuf's JSON.
    return {
        "traceId": row["trace_id"],
        "spanId": row["span_id"],
        "parentSpanId": row["parent_span_id"],
        "traceState": row["trace_state"],
        "name": row["name"],
        "kind": _KINDS.get(_short(row["kind"]), 0),
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + row["duration_ns"]),
        "attributes": _attributes(row["attributes"]),
        "events": [
            {
                "timeUnixNano": str(event["time_unix_ns"]),
                "name": event["name"],
                "attributes": _attributes(event["attributes"]),
            }
            for event in row["events"]
        ],
        "links": [
            {
                "traceId": link["trace_id"],
                "spanId": link["span_id"],
                "traceState": link["trace_state"],
                "attributes": _attributes(link["attributes"]),
            }
            for link in row["links"]
        ],
        "status": {"code": _CODES.get(_short(row["status"]), 0), "message": row["status_message"]},
    }


def _short(name: str) -> str:
    """Collectors write the protocol's names: SPAN_KIND_SERVER is Server, STATUS_CODE_ERROR is Error."""
    return name.removeprefix("SPAN_KIND_").removeprefix("STATUS_CODE_").title()


def _attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]
