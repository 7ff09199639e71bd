"""One function timed by one library, in a process of its own: `python -m benchmarks.client_peers NAME ENDPOINT CALLS`.

Prints JSON: microseconds per call of wall time and of the calling thread's CPU, the best of several rounds, and of
the whole process's CPU until everything was exported. Every library gets the setting in which it loses nothing.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ATTRIBUTES = {"team": "billing", "tier": 2, "ratio": 0.5, "cached": True, "region": "eu-central-1"}
ROUNDS = 5
Timed = tuple[Callable[[], Any], Callable[[], Any]]
"""(the function as the library wraps it, what waits until all is exported)."""


def work() -> None:
    """Does nothing: what is measured is the library."""


def bare(_endpoint: str) -> Timed:
    """The function itself."""
    return work, int


def wrapper(_endpoint: str) -> Timed:
    """The least that any timing decorator can do: two clock reads and an append."""
    durations: list[int] = []

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter_ns()
        result = work(*args, **kwargs)
        durations.append(time.perf_counter_ns() - start)
        return result

    return timed, durations.clear


def spanhouse(endpoint: str, **options: Any) -> Timed:
    """`@spanhouse.capture`, defaults."""
    import spanhouse  # noqa: PLC0415

    spanhouse.configure(endpoint=endpoint, service_name="bench")

    def finish() -> None:
        assert spanhouse.flush(60)
        assert spanhouse.exporter_status().failed == 0

    return spanhouse.capture(**options)(work), finish


def spanhouse5(endpoint: str) -> Timed:
    """The same with five attributes."""
    return spanhouse(endpoint, attributes=ATTRIBUTES)


def sdk(endpoint: str, **options: Any) -> Timed:
    """The SDK's decorator with its batch processor, its queue wide enough, and its OTLP gRPC exporter."""
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=1 << 20))
    tracer = provider.get_tracer("bench")
    return tracer.start_as_current_span("work", **options)(work), lambda: provider.force_flush(600_000)


def sdk5(endpoint: str) -> Timed:
    """The same with five attributes."""
    return sdk(endpoint, attributes=ATTRIBUTES)


def sdk_without_processor(_endpoint: str) -> Timed:
    """The SDK's decorator alone."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    return TracerProvider(shutdown_on_exit=False).get_tracer("bench").start_as_current_span("work")(work), int


def prometheus(_endpoint: str) -> Timed:
    """prometheus-client's Histogram.time()."""
    from prometheus_client import Histogram  # noqa: PLC0415

    return Histogram("work", "bench").time()(work), int


def autometrics(_endpoint: str) -> Timed:
    """Autometrics' decorator."""
    from autometrics import autometrics as decorate  # noqa: PLC0415
    from autometrics import init  # noqa: PLC0415

    init(tracker="prometheus")
    return decorate(work), int


def ddtrace(_endpoint: str) -> Timed:
    """Ddtrace's tracer.wrap(), its agent absent."""
    os.environ.setdefault("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
    from ddtrace.trace import tracer  # noqa: PLC0415

    return tracer.wrap()(work), tracer.flush


def sentry(_endpoint: str) -> Timed:
    """sentry-sdk's trace decorator inside one transaction at a time, its transport a sink."""
    import sentry_sdk  # noqa: PLC0415
    from sentry_sdk.transport import Transport  # noqa: PLC0415

    class Sink(Transport):
        def capture_envelope(self, envelope: Any) -> None: ...

    sentry_sdk.init("http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Sink)

    def call() -> None:
        with sentry_sdk.start_transaction(name="work"):
            work()

    return call, sentry_sdk.flush


def logfire(_endpoint: str) -> Timed:
    """Logfire's instrument decorator, exporting nowhere."""
    import logfire  # noqa: PLC0415

    logfire.configure(send_to_logfire=False, console=False, service_name="bench")
    return logfire.instrument("work")(work), logfire.force_flush


PEERS = (
    bare,
    wrapper,
    spanhouse,
    spanhouse5,
    sdk,
    sdk5,
    sdk_without_processor,
    prometheus,
    autometrics,
    ddtrace,
    sentry,
    logfire,
)


def measure(name: str, endpoint: str, calls: int) -> dict[str, float]:
    """The figures of one peer in a fresh process; raises RuntimeError when it is not installed."""
    command = [sys.executable, "-m", "benchmarks.client_peers", name, endpoint, str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measures in this process."""
    logging.disable(logging.CRITICAL)
    name, endpoint, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    call, finish = next(peer for peer in PEERS if peer.__name__ == name)(endpoint)
    for _ in range(200):
        call()
    finish()
    walls, threads, wholes = [], [], []
    for _ in range(ROUNDS):
        whole, wall, thread = time.process_time(), time.perf_counter(), time.thread_time()
        for _ in range(calls):
            call()
        threads.append(time.thread_time() - thread)
        walls.append(time.perf_counter() - wall)
        finish()
        wholes.append(time.process_time() - whole)
    median = ROUNDS // 2
    print(
        json.dumps(
            {
                key: sorted(values)[median] / calls * 1e6
                for key, values in (("wall", walls), ("thread", threads), ("process", wholes))
            }
        ),
        flush=True,
    )
    os._exit(0)  # some peers take long to give up at exit; that is another benchmark's question


if __name__ == "__main__":
    main()
