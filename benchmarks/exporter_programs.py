"""Small programs for the exporter's benchmarks, run in processes of their own: `python -m benchmarks.exporter_programs
NAME LIBRARY ...` prints JSON. LIBRARY is `ours`, the decorator and its exporter, or `sdk`, the SDK with its batch
processor and its OTLP gRPC exporter; `mixed` is the SDK's provider with our span processor.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ATTRIBUTES = {"team": "billing", "tier": 2, "ratio": 0.5, "cached": True, "region": "eu-central-1"}
Setup = tuple[Callable[[], Any], Callable[[], int], Callable[[], int]]
"""(one call that makes a span, waits for all and says how many were delivered, how many were lost by its own count)."""


def work() -> None:
    """Does nothing: what is measured is the library."""


def ours(attributes: dict[str, Any] | None) -> Setup:
    """`@spanhouse.capture`, defaults."""
    import spanhouse  # noqa: PLC0415

    def delivered() -> int:
        spanhouse.flush(60)
        return spanhouse.exporter_status().exported

    call = spanhouse.capture(attributes=attributes)(work) if attributes else spanhouse.capture(work)
    return call, delivered, lambda: spanhouse.exporter_status().failed


def mixed(attributes: dict[str, Any] | None) -> Setup:
    """The SDK's provider and decorator with our processor."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    from spanhouse_exporter.span_processor import SpanhouseSpanProcessor  # noqa: PLC0415

    provider, processor = TracerProvider(), SpanhouseSpanProcessor()
    provider.add_span_processor(processor)

    def delivered() -> int:
        processor.force_flush(60_000)
        return processor.status().exported

    call = provider.get_tracer("bench").start_as_current_span("work", attributes=attributes)(work)
    return call, delivered, lambda: processor.status().failed


def sdk(attributes: dict[str, Any] | None) -> Setup:
    """The SDK's provider and decorator, batch processor with its defaults, OTLP gRPC exporter."""
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult  # noqa: PLC0415

    class Counting(SpanExporter):
        """It has no count of its own."""

        def __init__(self) -> None:
            self.inner = OTLPSpanExporter(insecure=True)
            self.delivered = 0

        def export(self, spans: Any) -> SpanExportResult:
            result = self.inner.export(spans)
            if result is SpanExportResult.SUCCESS:
                self.delivered += len(spans)
            return result

        def shutdown(self) -> None:
            self.inner.shutdown()

    provider, exporter = TracerProvider(), Counting()
    queue = int(os.environ.get("BENCH_QUEUE", "2048"))
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=queue))

    def delivered() -> int:
        provider.force_flush(60_000)
        return exporter.delivered

    call = provider.get_tracer("bench").start_as_current_span("work", attributes=attributes)(work)
    return call, delivered, int


def pace(library: str, rate: str, seconds: str) -> dict[str, float]:
    """Calls at a steady rate for so long: how many were made, delivered, and lost by the library's own count."""
    call, delivered, lost = _setup(library)(None)
    call()
    time.sleep(1)  # connected
    per_slice, made = int(rate) // 1000, 1
    started = time.perf_counter()
    end = started + float(seconds)
    due = started
    while (now := time.perf_counter()) < end:
        if now < due:
            time.sleep(due - now)
        for _ in range(per_slice):
            call()
        made += per_slice
        due += 0.001
    elapsed = time.perf_counter() - started
    arrived = delivered()
    return {"made": made, "per_second": made / elapsed, "delivered": arrived, "counted": lost()}


def cost(library: str, calls: str) -> dict[str, float]:
    """CPU of the whole process, in microseconds per span, from the first call to the last delivery."""
    call, delivered, _lost = _setup(library)(ATTRIBUTES)
    call()
    delivered()
    before = delivered()
    started = time.process_time()
    for _ in range(int(calls)):
        call()
    arrived = delivered() - before
    return {"us": (time.process_time() - started) / int(calls) * 1e6, "lost": int(calls) - arrived}


def leave(library: str) -> dict[str, float]:
    """2,048 spans pending and nobody to take them: prints the time just before the interpreter begins to end."""
    call, _delivered, _lost = _setup(library)(None)
    for _ in range(2048):
        call()
    return {"at": time.time()}


def hold(library: str, spans: str) -> dict[str, float]:
    """Spans with nobody to take them, `spans` of them or until the queue is full: growth of the peak of memory."""
    call, _delivered, lost = _setup(library)(None)
    call()
    time.sleep(2)  # gRPC is loaded by now
    before, made, most = _peak_bytes(), 0, int(spans) or sys.maxsize
    while made < most and not lost():
        for _ in range(1000):
            call()
        made += 1000
    return {"spans": made - lost(), "bytes": _peak_bytes() - before}


def _peak_bytes() -> int:
    import resource  # noqa: PLC0415 - for this program alone

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _setup(library: str) -> Callable[[dict[str, Any] | None], Setup]:
    return {"ours": ours, "sdk": sdk, "mixed": mixed}[library]


def measure(endpoint: str, *arguments: str, **environ: str) -> dict[str, float]:
    """What one program prints, and when it was over. Raises RuntimeError with its last words when it fails."""
    command = [sys.executable, "-m", "benchmarks.exporter_programs", *arguments]
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "SPANHOUSE_SPOOL": "off", **environ}
    done = subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[0])
    return {**figures, "ended": time.time()}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with contextlib.suppress(BrokenPipeError):
        programs = {"pace": pace, "cost": cost, "leave": leave, "hold": hold}
        print(json.dumps(programs[sys.argv[1]](*sys.argv[2:])), flush=True)
        if sys.argv[1] == "hold":
            os._exit(0)  # how long such an end takes is the subject of another benchmark
