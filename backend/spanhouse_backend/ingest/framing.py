"""From request bytes to insert bytes, walking top-level tags only.

An ExportTraceServiceRequest is a list of ResourceSpans and nothing else, and so is the envelope ClickHouse reads,
so requests are joined by joining their elements; the requests of the other signals are lists of ResourceLogs and so on.
What must be checked before joining is that each request is a whole number of fields: a length that runs past the end
would swallow the neighbour's spans. Each element gets a receipt on its way (landing.proto), so that the engine can say
which request a span that it refuses came with.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.signals import TRACES, Signal
from spanhouse_backend.ingest.weight import FIELD_BYTES, Weight
from spanhouse_backend.ingest.wire import read_field, write_varint
from spanhouse_backend.store.journal import IDENTITY_BYTES

MAX_RESOURCES = 65_536
"""ResourceSpans, or their like, in one request. Real ones have a few; each costs a microsecond here, and millions fit
into one."""
NO_LIMIT = 1 << 62
"""More than anything can cost."""
# A memoryview and its place in a tuple.
_ELEMENT_BYTES = 200
# ExportTraceServiceRequest.resource_spans, ExportLogsServiceRequest.resource_logs: field 1, length-delimited
# (opentelemetry-proto, trace_service.proto and its like).
_RESOURCE_TAG = 0x0A
# The receipt in each of them (landing.proto): field 2047, length-delimited, and the fields of Receipt.
_RECEIPT_TAG = b"\xfa\x7f"
_IDENTITY_TAG, _EARLIEST_TAG, _LATEST_TAG = b"\x0a", b"\x11", b"\x19"


class Framed(NamedTuple):
    """A request that may be joined with others; false when there is nothing in it."""

    identity: bytes
    """A hash of the request's bytes: what is sent again as the same signal has the same."""
    elements: tuple[memoryview, ...]
    """Its ResourceSpans, or their like, encoded."""
    size: int
    """Bytes of all elements."""
    records: int = 0
    """How many spans, log records or data points there are in it."""
    engine_bytes: int = 0
    """What storing it will take, estimated from above."""
    signal: Signal = TRACES

    def __bool__(self) -> bool:
        return bool(self.elements)

    @property
    def held_bytes(self) -> int:
        """What keeping its elements apart takes: more than their bytes, when they are many and empty."""
        return _ELEMENT_BYTES * len(self.elements)


class Window(NamedTuple):
    """When spans may start, and log records and data points be made, in Unix nanoseconds; 0 is no bound."""

    earliest_ns: int = 0
    latest_ns: int = 0


ANY_TIME = Window()


def frame(request: bytes, max_engine_bytes: int = NO_LIMIT, signal: Signal = TRACES) -> Framed:
    """The request's ResourceSpans, or what `signal` has in their place, its identity, and what it will cost.

    Fields that this version of OTLP does not name are left out, as the specification asks of a receiver. Raises
    MalformedData with the byte at which the request stops making sense, or when it has more than MAX_RESOURCES;
    TooLarge when it would cost more than `max_engine_bytes`.
    """
    view = memoryview(request)
    weight = Weight(request, signal.shape, max_engine_bytes)
    weight.add_inside()
    elements: list[memoryview] = []
    position, end, size = 0, len(request), 0
    while position < end:
        tag, value, position = read_field(request, position, end)
        weight.add(FIELD_BYTES)
        if tag == _RESOURCE_TAG:
            elements.append(view[value:position])
            size += position - value
            if len(elements) > MAX_RESOURCES:
                raise MalformedData(f"more than {MAX_RESOURCES} resources: send several requests")
            weight.add_resource(value, position)
    identity = hashlib.blake2b(request, digest_size=IDENTITY_BYTES, person=signal.personal).digest()
    return Framed(identity, tuple(elements), size, weight.records, weight.total_bytes, signal)


def join(requests: Iterable[Framed], window: Window = ANY_TIME) -> bytes:
    """One ProtobufList body of several requests, each element with its receipt, behind one length prefix."""
    parts: list[bytes | memoryview] = []
    size = 0
    for request in requests:
        receipt = _receipt(request.identity, window)
        for element in request.elements:
            length = write_varint(len(element) + len(receipt))
            parts += (b"\x0a", length, element, receipt)
            size += 1 + len(length) + len(element) + len(receipt)
    return b"".join((write_varint(size), *parts))


def _receipt(identity: bytes, window: Window) -> bytes:
    body = _IDENTITY_TAG + bytes([len(identity)]) + identity
    body += _EARLIEST_TAG + window.earliest_ns.to_bytes(8, "little")
    body += _LATEST_TAG + window.latest_ns.to_bytes(8, "little")
    return _RECEIPT_TAG + write_varint(len(body)) + body
