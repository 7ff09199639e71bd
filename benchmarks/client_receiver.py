"""A receiver in a process of its own, so that its work is not counted as the client's: takes requests, keeps nothing.

`python -m benchmarks.client_receiver` prints its port and serves until its standard input is closed.
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc

_SERVICES = (
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "opentelemetry.proto.collector.logs.v1.LogsService",
)


def main() -> None:
    """Serves."""
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
    handler = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    for service in _SERVICES:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(grace=0)


@contextmanager
def receiving() -> Iterator[str]:
    """The endpoint of a running receiver."""
    command = [sys.executable, "-m", "benchmarks.client_receiver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    main()
