"""Requests that are small on the wire and large once they are read: whoever takes them at their size is lost."""

from collections.abc import Callable


def varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def field(number: int, body: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def _spans(*spans: bytes) -> bytes:
    return field(1, field(2, b"".join(spans)))


def _inside(piece: bytes) -> Callable[[int], bytes]:
    """Spans, or log records, that each have a thousand pieces in them."""

    def bomb(size: int) -> bytes:
        span = field(2, piece * 1000)
        return _spans(*[span] * (size // len(span)))

    return bomb


BOMBS: dict[str, Callable[[int], bytes]] = {
    # opentelemetry-proto, trace.proto and common.proto, by field number.
    "empty spans": lambda size: _spans(b"\x12\x00" * (size // 2)),
    "empty scopes": lambda size: field(1, b"\x12\x00" * (size // 2)),
    "empty attributes": _inside(field(9, b"")),
    "empty events": _inside(field(11, b"")),
    "empty event attributes": _inside(field(11, field(3, b"") * 100)),
    "empty links": _inside(field(13, b"")),
    "empty link attributes": _inside(field(13, field(4, b"") * 100)),
    "arrays of nothing": _inside(field(9, field(2, field(5, field(1, b"") * 100)))),
    "lists of nothing": _inside(field(9, field(2, field(6, field(1, b"") * 100)))),
    "attributes with long tags": _inside(b"\xca\x00\x00"),
    "unknown fields": lambda size: b"\x10\x05" * (size // 2),
    "unknown fields of a resource's spans": lambda size: field(1, b"\x20\x05" * (size // 2)),
    "unknown fields of a scope's spans": lambda size: field(1, field(2, b"\x20\x05" * (size // 2))),
    "one resource for many spans": lambda size: field(
        1,
        field(1, field(1, field(1, b"k") + field(2, field(1, b"v" * (size // 2)))))
        + field(2, field(2, b"\x2a\x00") * (size // 8)),
    ),
}


def _metrics(*metrics: bytes) -> bytes:
    return field(1, field(2, b"".join(field(2, metric) for metric in metrics)))


METRIC_BOMBS: dict[str, Callable[[int], bytes]] = {
    # metrics.proto. A metric holds its points in a field of its kind: 5 gauge, 9 histogram, 10 exponential, 11 summary.
    "empty metrics": BOMBS["empty spans"],
    "empty points": lambda size: _metrics(field(5, b"\x0a\x00" * (size // 2))),
    "empty attributes of points": lambda size: _metrics(field(5, field(1, field(7, b"") * (size // 2)))),
    "empty exemplars": lambda size: _metrics(field(9, field(1, field(8, b"") * (size // 2)))),
    "empty quantiles": lambda size: _metrics(field(11, field(1, field(6, b"") * (size // 2)))),
    "one description for many points": lambda size: _metrics(
        field(2, b"d" * (size // 2)) + field(5, b"\x0a\x00" * (size // 8))
    ),
    "unknown fields of a metric": lambda size: _metrics(b"\x78\x05" * (size // 2)),
    "unknown fields beside points": lambda size: _metrics(field(5, b"\x78\x05" * (size // 2))),
}

LOG_BOMBS: dict[str, Callable[[int], bytes]] = {
    # logs.proto: what has other numbers than in trace.proto, or is not there.
    "empty log records": BOMBS["empty spans"],
    "empty attributes of log records": _inside(field(6, b"")),
    "arrays of nothing in attributes of log records": _inside(field(6, field(2, field(5, field(1, b"") * 100)))),
    "arrays of nothing in bodies": _inside(field(5, field(5, field(1, b"") * 100))),
    "lists of nothing in bodies": _inside(field(5, field(6, field(1, b"") * 100))),
    "one schema URL for many log records": lambda size: field(
        1, field(3, b"u" * (size // 2)) + field(2, field(2, b"\x12\x00") * (size // 8))
    ),
    "one scope for many log records": lambda size: field(
        1, field(2, field(1, field(3, field(1, b"k" * (size // 2)))) + field(2, b"\x12\x00") * (size // 8))
    ),
}
