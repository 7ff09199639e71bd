"""The spans of one function with a story, for the tests of its page.

`payments.pay` is called by a web server, a worker and nobody, and calls a bank and a database, over two hours with ten
minutes' silence. In the second hour it is slower; in its last quarter calls with one kind of card take much longer than
all others, an island on a heatmap. Some calls fail, in two ways. And there is a function whose every text tries to be
markup.
"""

import random
import time
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status
from otlp_requests import SECOND

MINUTE = 60 * SECOND
MINUTES = 120
SILENT = range(40, 50)
SERVICE, FUNCTION = "checkout", "payments.pay"
CALLERS = {("web", "POST /pay"): 7, ("worker", "retry_payments"): 2, ("", ""): 1}
CALLEES = (("bank", "charge_card", 0.6), ("checkout", "SELECT stock", 0.2))
SLOW_CARD = "amex"
ERRORS = {"bank.TimeoutError": "no answer within 2 s", "CardDeclined": "insufficient funds"}
MARKUP = "<img src=x onerror=\"document.title='pwned'\">'\"&amp;</script>\N{RIGHT-TO-LEFT OVERRIDE}gnp"
HOSTILE_CALLS = 60


class _Spans:
    """A request of several services, span by span."""

    def __init__(self, seed: str) -> None:
        self.message = ExportTraceServiceRequest()
        self.chance = random.Random(seed)
        self._services: dict[str, ResourceSpans] = {}

    def add(self, service: str, name: str, start: int, took: int, *, parent: Span | None = None, **texts: str) -> Span:
        if service not in self._services:
            made = self.message.resource_spans.add()
            made.resource.attributes.append(_attribute("service.name", service))
            made.scope_spans.add().scope.name = "tests"
            self._services[service] = made
        span = (
            self._services[service]
            .scope_spans[0]
            .spans.add(
                trace_id=parent.trace_id if parent else self.chance.randbytes(16),
                span_id=self.chance.randbytes(8),
                parent_span_id=parent.span_id if parent else b"",
                name=name,
                kind=Span.SPAN_KIND_INTERNAL if parent else Span.SPAN_KIND_SERVER,
                start_time_unix_nano=start,
                end_time_unix_nano=start + took,
            )
        )
        span.attributes.extend(_attribute(key, text) for key, text in texts.items())
        return span


class _Call(NamedTuple):
    start: int
    took: int
    card: str


def payment_requests(now_ns: int | None = None) -> list[ExportTraceServiceRequest]:
    """Two requests: of the function and its neighbours, and of the hostile one. The last call began a minute before."""
    now = time.time_ns() if now_ns is None else now_ns
    return [_payments(now // MINUTE * MINUTE), _hostile(now // MINUTE * MINUTE)]


def _payments(now: int) -> ExportTraceServiceRequest:
    spans = _Spans("payments")
    chance = spans.chance
    for call in _calls(chance, now):
        (service, caller), *_ = chance.choices(list(CALLERS), list(CALLERS.values()))
        outer = spans.add(service, caller, call.start - 200_000, call.took + 900_000) if caller else None
        span = spans.add(SERVICE, FUNCTION, call.start, call.took, parent=outer, **{"card.network": call.card})
        span.attributes.append(_attribute("user.tier", chance.choice(("gold", "free"))))
        span.kind = Span.SPAN_KIND_INTERNAL
        begun = call.start
        for callee, name, share in CALLEES:
            spans.add(callee, name, begun, round(call.took * share), parent=span)
            begun += round(call.took * share)
        if chance.random() < (0.08 if call.start > now - 60 * MINUTE else 0.02):
            kind, message = chance.choice(list(ERRORS.items()))
            span.status.code, span.status.message = Status.STATUS_CODE_ERROR, message
            event = span.events.add(name="exception", time_unix_nano=call.start + call.took)
            event.attributes.extend([_attribute("exception.type", kind), _attribute("exception.message", message)])
    return spans.message


def _calls(chance: random.Random, now: int) -> list[_Call]:
    found = []
    for minute in range(1, MINUTES):
        for _ in range(0 if minute in SILENT else chance.randrange(15, 30)):
            start = now - minute * MINUTE - chance.randrange(MINUTE)
            slow = minute < 15 and chance.random() < 0.15
            usual = 30e6 if minute < 60 else 18e6
            took = chance.uniform(0.9e9, 1.6e9) if slow else min(0.6e9, chance.lognormvariate(0, 0.5) * usual)
            found.append(_Call(start, round(took), SLOW_CARD if slow else chance.choice(("visa", "mastercard"))))
    return found


def _hostile(now: int) -> ExportTraceServiceRequest:
    spans = _Spans("hostile")
    for index in range(HOSTILE_CALLS):
        outer = spans.add(MARKUP, f"caller {MARKUP}", now - 30 * MINUTE + index * SECOND, 9_000_000)
        span = spans.add(
            MARKUP, MARKUP, outer.start_time_unix_nano, 1_000_000 * (1 + index), parent=outer, **{MARKUP: MARKUP}
        )
        spans.add(MARKUP, f"callee {MARKUP}", span.start_time_unix_nano, 500_000, parent=span)
        span.status.code, span.status.message = Status.STATUS_CODE_ERROR, MARKUP
        event = span.events.add(name="exception", time_unix_nano=span.end_time_unix_nano)
        event.attributes.extend([_attribute("exception.type", MARKUP), _attribute("exception.message", MARKUP)])
    return spans.message


def _attribute(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))
