"""A shop's spans for the dashboard's tests: ten functions over two hours, of which one became slower and one fails."""

import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_requests import SECOND, request

MILLISECOND = SECOND // 1000
MINUTE = 60 * SECOND
MINUTES = 120
SLOWER, FAILING = "shop.search.rank", "shop.checkout.pay"
FUNCTIONS = {
    FAILING: "checkout",
    "shop.checkout.reserve_stock": "checkout",
    "shop.cart.add": "checkout",
    "shop.search.query": "search",
    SLOWER: "search",
    "shop.auth.verify_token": "search",
    "GET /api/orders/{id}": "billing",
    "SELECT orders": "billing",
    "render_invoice_pdf": "billing",
    "send_receipt_email": "billing",
}


def shop_requests(now_ns: int | None = None) -> list[ExportTraceServiceRequest]:
    """One request a function; the last call began a minute before `now_ns`."""
    now = time.time_ns() if now_ns is None else now_ns
    return [_function(index, name, service, now) for index, (name, service) in enumerate(FUNCTIONS.items())]


TRACE = "0af7651916cd43dd8448eb211c80319c"
# Of one checkout: service, name, begin and length in milliseconds, and the number of the parent above.
_CHECKOUT = (
    ("gateway", "POST /checkout", 0, 412, None),
    ("search", "shop.auth.verify_token", 3, 21, 0),
    ("checkout", "shop.checkout.reserve_stock", 27, 96, 0),
    ("billing", "SELECT stock", 31, 38, 2),
    ("billing", "UPDATE stock", 74, 45, 2),
    ("checkout", "shop.rates.fetch", 30, 64, 0),
    ("checkout", FAILING, 128, 231, 0),
    ("billing", "SELECT cards", 133, 29, 6),
    ("payments", "POST /charges", 168, 150, 6),
    ("payments", "risk.score", 176, 88, 8),
    ("payments", "INSERT charges", 270, 41, 8),
    ("billing", "render_invoice_pdf", 362, 31, 0),
    ("billing", "send_receipt_email", 394, 14, 0),
)


def checkout_trace(now_ns: int) -> ExportTraceServiceRequest:
    """One trace of thirteen spans, before all the others; one of them failed."""
    message, begin = ExportTraceServiceRequest(), now_ns - (MINUTES + 10) * MINUTE
    for number, (service, name, start, took, parent) in enumerate(_CHECKOUT):
        resource_spans = message.resource_spans.add()
        resource_spans.resource.attributes.add(key="service.name", value=AnyValue(string_value=service))
        span = resource_spans.scope_spans.add().spans.add(name=name, kind=Span.SPAN_KIND_INTERNAL)
        span.trace_id, span.span_id = bytes.fromhex(TRACE), (number + 1).to_bytes(8)
        span.parent_span_id = b"" if parent is None else (parent + 1).to_bytes(8)
        span.start_time_unix_nano = begin + start * MILLISECOND
        span.end_time_unix_nano = begin + (start + took) * MILLISECOND
        span.attributes.add(key="user.tier", value=AnyValue(string_value="gold"))
        if name == FAILING:
            span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "card declined"
    return message


def _function(index: int, name: str, service: str, now: int) -> ExportTraceServiceRequest:
    chance = random.Random(name)
    starts = [
        now - minute * MINUTE - chance.randrange(MINUTE)
        for minute in range(1, MINUTES)
        for _ in range(chance.randrange(3, 12))
    ]
    tier = AnyValue(string_value=("gold", "free")[index % 2])
    message = request(service, [0] * len(starts), name=name, attributes={"user.tier": tier})
    for span, start in zip(message.resource_spans[0].scope_spans[0].spans, starts, strict=True):
        slower = 2.5 if name == SLOWER and start > now - 60 * MINUTE else 1
        took = round(chance.lognormvariate(13 + index % 4 * 1.1, 0.8) * slower)
        span.start_time_unix_nano, span.end_time_unix_nano = start, start + took
        if name == FAILING and chance.random() < 0.1:
            span.status.code = Status.STATUS_CODE_ERROR
    return message
