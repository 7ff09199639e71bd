"""Log records as OTLP's bytes (opentelemetry-proto, logs.proto and common.proto), written by hand.

Whoever posts a record that is not OTLP gets here: what is written is an ExportLogsServiceRequest, so that from here on
it is stored as any other. Records are written one by one, as fast as Python can, and gathered by their resource and
scope; the classes that protobuf generates would take ten times as long.
"""

import json
import struct
from typing import Any

from spanhouse_backend.ingest.json_values import mended, varint

UNKNOWN_SERVICE = "unknown_service"
"""service.name where nobody says one (opentelemetry-specification, resource semantic conventions)."""
_ONE_BYTE = 0x80
_BYTES = [bytes([value]) for value in range(_ONE_BYTE)]
_INT64 = range(-(1 << 63), 1 << 63)
_double = struct.Struct("<d").pack
_fixed64 = struct.Struct("<Q").pack
# ResourceLogs.resource, .scope_logs and the like: field number << 3 | wire type.
_FIRST, _SECOND = b"\x0a", b"\x12"
# LogRecord's fields.
_TIME, _OBSERVED = b"\x09", b"\x59"
_SEVERITY_NUMBER, _SEVERITY_TEXT = b"\x10", b"\x1a"
_BODY, _ATTRIBUTES = b"\x2a", b"\x32"
_TRACE_ID, _SPAN_ID, _EVENT_NAME = b"\x4a\x10", b"\x52\x08", b"\x62"
# AnyValue's fields.
_STRING, _BOOL, _INT, _DOUBLE = b"\x0a", b"\x10", b"\x18", b"\x21"
# Of attributes' bytes; by then a body has as many different ones as help.
_MAX_KEPT, _MAX_KEPT_CHARACTERS = 10_000, 200
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """A value of JSON as text, as short as it gets, its keys in their order. Raises ValueError for infinity and NaN."""
    return _dumps(value)


class LogRequest:
    """Gathers records into one ExportLogsServiceRequest: a resource for each service, in it a scope for each logger."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of its records."""
        self._services: dict[str, dict[str, list[bytes]]] = {}
        # The bytes of attributes, most of which come again in other records. Whole numbers and texts only: 1, 1.0 and
        # True are the same key.
        self._written: dict[tuple[str, str | int], bytes] = {}

    def add(
        self,
        service: str,
        scope: str,
        time_ns: int,
        *,
        observed: bool = False,
        severity_number: int = 0,
        severity_text: str = "",
        body: str = "",
        attributes: dict[str, Any],
        trace_id: bytes = b"",
        span_id: bytes = b"",
        event_name: str = "",
    ) -> None:
        """One more record. `time_ns` is when it was made, or only when it was `observed`.

        Ids have 16 and 8 bytes or none. Values of attributes are JSON's: lists and objects become their text, and null
        is an attribute that is not there. Raises ValueError, having added nothing, for what json_text does.
        """
        parts = [_OBSERVED if observed else _TIME, _fixed64(time_ns)]
        if severity_number:
            parts += (_SEVERITY_NUMBER, _BYTES[severity_number])
        if severity_text:
            parts += (_SEVERITY_TEXT, _sized(_utf8(severity_text)))
        parts += (_BODY, _sized(_STRING + _sized(_utf8(body))))
        parts += [self._attribute(key, value) for key, value in attributes.items() if value is not None]
        if trace_id:
            parts += (_TRACE_ID, trace_id)
        if span_id:
            parts += (_SPAN_ID, span_id)
        if event_name:
            parts += (_EVENT_NAME, _sized(_utf8(event_name)))
        record = _SECOND + _sized(b"".join(parts))
        self._services.setdefault(service, {}).setdefault(scope, []).append(record)
        self.size += len(record)

    def to_bytes(self) -> bytes:
        """The request, the same bytes for the same records in the same order."""
        return b"".join(
            _FIRST + _sized(_resource(service) + b"".join(_scope_logs(*scope) for scope in scopes.items()))
            for service, scopes in self._services.items()
        )

    def _attribute(self, key: str, value: Any) -> bytes:
        kind = type(value)
        if kind is not int and (kind is not str or len(value) > _MAX_KEPT_CHARACTERS):
            return _attribute(key, value)
        written = self._written.get((key, value))
        if written is None:
            written = _attribute(key, value)
            if len(self._written) < _MAX_KEPT:
                self._written[key, value] = written
        return written


def _resource(service: str) -> bytes:
    # Resource.attributes is field 1, where LogRecord's is 6: all but the tag is the same.
    name = _FIRST + _attribute("service.name", service)[1:]
    return _FIRST + _sized(name)


def _scope_logs(name: str, records: list[bytes]) -> bytes:
    scope = _FIRST + _sized(_FIRST + _sized(_utf8(name)))
    return _SECOND + _sized(scope + b"".join(records))


def _attribute(key: str, value: Any) -> bytes:
    """LogRecord.attributes with one KeyValue."""
    if type(value) is str:
        written = _STRING + _sized(_utf8(value))
    elif type(value) is bool:
        written = _BOOL + _BYTES[value]
    elif type(value) is int and value in _INT64:
        written = _INT + varint(value)
    elif type(value) is float:
        written = _DOUBLE + _double(value)
    else:
        written = _STRING + _sized(_utf8(json_text(value)))
    return _ATTRIBUTES + _sized(_FIRST + _sized(_utf8(key)) + _SECOND + _sized(written))


def _sized(data: bytes) -> bytes:
    size = len(data)
    return (_BYTES[size] if size < _ONE_BYTE else varint(size)) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return mended(text)
