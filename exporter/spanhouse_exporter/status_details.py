"""What a receiver says beside its status code: how long to wait before the next attempt.

gRPC carries the details of an error as an encoded `google.rpc.Status` in the trailer `grpc-status-details-bin`
(OTLP, "OTLP/gRPC Throttling"; gRPC, "Richer error model"). Its `details` hold an `Any` of `google.rpc.RetryInfo`.
"""

from spanhouse_exporter import wire

TRAILER = "grpc-status-details-bin"
_STATUS_DETAILS, _ANY_TYPE_URL, _ANY_VALUE, _RETRY_DELAY, _SECONDS, _NANOS = 3, 1, 2, 1, 1, 2
_RETRY_INFO = b"/google.rpc.RetryInfo"
_INT64_LIMIT = 1 << 63


def retry_delay(encoded_status: bytes) -> float | None:
    """Seconds of the RetryInfo in an encoded `google.rpc.Status`; None when it has none or is malformed."""
    try:
        for number, value in wire.fields(encoded_status):
            if number == _STATUS_DETAILS and isinstance(value, bytes):
                detail = dict(wire.fields(value))
                if _bytes(detail, _ANY_TYPE_URL).endswith(_RETRY_INFO):
                    return _duration(_bytes(dict(wire.fields(_bytes(detail, _ANY_VALUE))), _RETRY_DELAY))
    except ValueError:
        return None
    return None


def _duration(encoded: bytes) -> float:
    """`google.protobuf.Duration` in seconds; a negative one asks for no wait."""
    parts = dict(wire.fields(encoded))
    seconds, nanos = parts.get(_SECONDS, 0), parts.get(_NANOS, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int) or max(seconds, nanos) >= _INT64_LIMIT:
        return 0.0
    return seconds + nanos / 1e9


def _bytes(message: dict[int, int | bytes], field: int) -> bytes:
    value = message.get(field, b"")
    return value if isinstance(value, bytes) else b""
