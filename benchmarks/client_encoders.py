"""Spans to OTLP bytes: from templates, from the SDK's `ReadableSpan`s, and by the stock encoder.

The same 2,000 spans of 5 attributes and half of them with a parent, encoded in requests of 500, the three encoders
in turn; medians of several rounds.
"""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.client_peers import ATTRIBUTES
from benchmarks.report import Row, against
from spanhouse_exporter import envelope, span_bytes
from spanhouse_exporter.readable_encoder import ReadableEncoder

SPANS, REQUEST = 2_000, 500
READABLE_BUDGET, CAPTURED_BUDGET = 6, 25


def _readable_spans() -> list[Any]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("bench", "1.0")
    for _ in range(SPANS // 2):
        with (
            tracer.start_as_current_span("outer", attributes=ATTRIBUTES),
            tracer.start_as_current_span("inner", attributes=ATTRIBUTES),
        ):
            pass
    return list(memory.get_finished_spans())


def _captured() -> Callable[[], object]:
    """What the client does for captured spans, from their numbers to a request."""
    encoded = b"".join(span_bytes.attribute(key, value) for key, value in ATTRIBUTES.items())
    stamp_root, stamp_child = span_bytes.make_stamps(span_bytes.constant_fields("bench.work", 1, encoded))
    resource = envelope.resource_fields({"service.name": "bench"})
    scope = envelope.scope_fields("bench", "1.0")
    numbers = [(os.urandom(16), os.urandom(8), os.urandom(8), time.time_ns()) for _ in range(SPANS // 2)]

    def encode() -> None:
        for first in range(0, len(numbers), REQUEST // 2):
            spans: list[bytes] = []
            for trace_id, outer, inner, at in numbers[first : first + REQUEST // 2]:
                spans.append(stamp_child(trace_id, inner, outer, at, at + 1000, 0x103))
                spans.append(stamp_root(trace_id, outer, at, at + 2000, 0x103))
            envelope.request(resource, [(scope, [b"".join(spans)])])

    return encode


def _in_requests(spans: list[Any], encode: Callable[[list[Any]], object]) -> Callable[[], object]:
    def all_requests() -> None:
        for first in range(0, len(spans), REQUEST):
            encode(spans[first : first + REQUEST])

    return all_requests


def run(*, quick: bool) -> list[Row]:
    """Both encoder budgets."""
    spans = _readable_spans()
    encoder = ReadableEncoder()
    contenders = {
        "stock": _in_requests(spans, lambda part: encode_spans(part).SerializeToString()),
        "readable": _in_requests(spans, encoder.request),
        "captured": _captured(),
    }
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(5 if quick else 30):
        for name, encode in contenders.items():
            started = time.perf_counter()
            encode()
            seen[name].append((time.perf_counter() - started) / SPANS * 1e6)
    cost = {name: median(values) for name, values in seen.items()}
    rows = []
    for name, what, budget in (
        ("readable", "OTLP bytes from the SDK's ReadableSpans", READABLE_BUDGET),
        ("captured", "OTLP bytes from captured spans", CAPTURED_BUDGET),
    ):
        ratio = cost["stock"] / cost[name]
        rows.append(
            Row(
                f"{what}: <= 1/{budget} of the stock encoder",
                f"{cost[name]:.2f} us",
                f"{cost['stock']:.1f} us (opentelemetry-exporter-otlp-proto-common)",
                against(cost[name], cost["stock"]),
                "met" if ratio >= budget else "missed",
            )
        )
    return rows
