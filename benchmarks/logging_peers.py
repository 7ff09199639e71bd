"""One record logged by one handler in a process of its own: `python -m benchmarks.logging_peers NAME TARGET CALLS`.

Prints JSON: microseconds per call of wall time and of the calling thread's CPU, the median of several rounds, and of
the whole process's CPU until everything was exported. A call is the whole of `logger.info`, with an argument of the
message and two fields in `extra`. Every handler gets the setting in which it loses nothing.
"""

import json
import logging
import logging.handlers
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 5
Made = tuple[logging.Handler, Callable[[], Any]]
"""(the handler, what waits until all is exported)."""


def nothing(_target: str) -> Made:
    """A handler that does nothing: what logging itself costs, and every handler's calls with it."""
    return logging.NullHandler(), int


def spanhouse(target: str) -> Made:
    """`spanhouse.LogHandler`, defaults."""
    import spanhouse  # noqa: PLC0415

    handler = spanhouse.LogHandler(endpoint=target, service="bench")

    def finish() -> None:
        assert handler.flush(60)
        assert handler.status().failed == 0

    return handler, finish


def sdk(target: str) -> Made:
    """OpenTelemetry's handler, the SDK's batch processor with a queue wide enough, and its OTLP gRPC exporter."""
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter  # noqa: PLC0415

    return _of_the_sdk(OTLPLogExporter(endpoint=target, insecure=True))


def sdk_with_our_exporter(target: str) -> Made:
    """The same with our exporter in place of the SDK's."""
    from spanhouse_exporter.log_exporter import SpanhouseLogExporter  # noqa: PLC0415

    return _of_the_sdk(SpanhouseLogExporter(target))


def _of_the_sdk(exporter: Any) -> Made:
    from opentelemetry.instrumentation.logging.handler import LoggingHandler  # noqa: PLC0415
    from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=1 << 20))
    return LoggingHandler(logger_provider=provider), lambda: provider.force_flush(600_000)


def http(target: str) -> Made:
    """The standard library's HTTPHandler, one request a record."""
    return logging.handlers.HTTPHandler(target, "/api/v1/record", "POST"), int


OVER_GRPC = (nothing, spanhouse, sdk, sdk_with_our_exporter)
OVER_HTTP = (http,)


def measure(name: str, target: str, calls: int) -> dict[str, float]:
    """The figures of one handler in a fresh process; raises RuntimeError when it is not installed."""
    command = [sys.executable, "-m", "benchmarks.logging_peers", name, target, str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measures in this process."""
    name, target, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    handler, finish = next(peer for peer in (*OVER_GRPC, *OVER_HTTP) if peer.__name__ == name)(target)
    logger = logging.getLogger("bench.shop")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    for number in range(200):
        logger.info("order %d", number, extra={"shop": "north", "order": number})
    finish()
    walls, threads, wholes = [], [], []
    for _ in range(ROUNDS):
        whole, wall, thread = time.process_time(), time.perf_counter(), time.thread_time()
        for number in range(calls):
            logger.info("order %d", number, extra={"shop": "north", "order": number})
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
