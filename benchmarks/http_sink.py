"""An HTTP server in a process of its own that takes posts and keeps nothing, for peers that log over HTTP.

`python -m benchmarks.http_sink` prints its port and serves until its standard input is closed.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Sink(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def main() -> None:
    """Serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    server.shutdown()


@contextmanager
def sinking() -> Iterator[str]:
    """HOST:PORT of a running one."""
    command = [sys.executable, "-m", "benchmarks.http_sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    main()
