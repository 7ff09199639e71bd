"""A shop's spans for the dashboard's tests: ten functions over two hours, of which one became slower and one fails."""

import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import SECOND, request

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
