"""Requests for the backend's benchmarks, and the direct insert they are compared with.

As a program (`python -m benchmarks.otlp_load DIRECTORY INSERTS SPANS`) it inserts INSERTS groups of about SPANS
spans straight into the schema of an empty DIRECTORY, and prints spans per second.
"""

import asyncio
import random
import sys
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.store import Store

FUNCTIONS = 200
SPANS_PER_REQUEST = 512
SPANS_PER_TRACE = 4


def make_requests(count: int, spans: int, first_seed: int = 0) -> list[bytes]:
    """`count` different requests of `spans` spans with five attributes each; the same ones for the same seed."""
    return [_request(random.Random(seed), spans) for seed in range(first_seed, first_seed + count)]


def _request(chance: random.Random, spans: int) -> bytes:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    for key, value in (("service.name", "checkout"), ("host.name", "host-1"), ("telemetry.sdk.language", "python")):
        resource_spans.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "benchmarks"
    now = time.time_ns()
    trace_id = root_id = parent_id = b""
    for index in range(spans):
        if index % SPANS_PER_TRACE == 0:
            trace_id, root_id, parent_id = chance.randbytes(16), chance.randbytes(8), b""
        span_id = root_id if not parent_id else chance.randbytes(8)
        function = chance.randrange(FUNCTIONS)
        start = now - chance.randrange(60_000_000_000)
        values = {
            "code.function.name": AnyValue(string_value=f"shop.checkout.function_{function}"),
            "code.file.path": AnyValue(string_value="/srv/shop/checkout.py"),
            "code.line.number": AnyValue(int_value=function * 10),
            "user.tier": AnyValue(string_value=chance.choice(["gold", "silver", "free"])),
            "cache.hit": AnyValue(bool_value=chance.random() < 0.5),
        }
        scope_spans.spans.append(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=parent_id,
                name=f"shop.checkout.function_{function}",
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=start,
                end_time_unix_nano=start + int(chance.lognormvariate(13, 1.5)),
                status=Status(code=Status.STATUS_CODE_ERROR if chance.random() < 0.01 else Status.STATUS_CODE_UNSET),
                attributes=[KeyValue(key=key, value=value) for key, value in values.items()],
            )
        )
        parent_id = root_id
    return message.SerializeToString()


async def _insert(directory: Path, inserts: int, spans: int) -> float:
    requests = make_requests(spans // SPANS_PER_REQUEST, SPANS_PER_REQUEST)
    framed = [frame(request) for request in requests]
    body, identities = join(framed), [request.identity for request in framed]
    store = await asyncio.to_thread(Store.open, directory)
    try:
        await store.insert(TRACES, body, identities)  # the first one compiles what later ones reuse
        begun = time.perf_counter()
        for _ in range(inserts):
            await store.insert(TRACES, body, identities)
        return inserts * len(requests) * SPANS_PER_REQUEST / (time.perf_counter() - begun)
    finally:
        await store.close()


if __name__ == "__main__":
    print(asyncio.run(_insert(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
