"""Calls of one function spread evenly over a window of time, for comparing windows."""

import math
import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_requests import request
from query_house import HOUR

CALLS = 1800


def spread_calls(
    service: str,
    name: str,
    start_ns: int,
    *,
    factor: float = 1,
    error_share: float = 0,
    calls: int = CALLS,
    over_ns: int = HOUR,
) -> ExportTraceServiceRequest:
    """Lognormal around `factor` times 3.3 ms; seeded by what it is, so the same on every run."""
    chance = random.Random(f"{name}{start_ns}")
    durations = [round(math.exp(chance.gauss(15, 0.4)) * factor) for _ in range(calls)]
    message = request(service, durations, name=name, start_ns=start_ns, seed=start_ns)
    spans = message.resource_spans[0].scope_spans[0].spans
    for index, (span, duration) in enumerate(zip(spans, durations, strict=True)):
        span.start_time_unix_nano = start_ns + index * over_ns // calls
        span.end_time_unix_nano = span.start_time_unix_nano + duration
        span.status.code = 2 if chance.random() < error_share else 0
    return message
