"""An HTTP server that does what no real one can be made to do on demand: answers by a script, hangs, hangs up."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Seen(NamedTuple):
    """One request."""

    command: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted(ThreadingHTTPServer):
    """Answers with what `script` says, one entry a request, the last one again and again; notes what it was sent."""

    daemon_threads = True
    allow_reuse_port = True  # for an address that is held

    def __init__(self, *script, address=("127.0.0.1", 0)):
        super().__init__(address, _Handler)
        self.script = list(script)
        self.seen = []
        self.connections = 0
        self.hang_up = False
        self.gone = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def _answer(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server.seen.append(Seen(self.command, self.path, dict(self.headers), body))
        status, body, headers = server.script.pop(0) if len(server.script) > 1 else server.script[0]
        if status == "hang up":
            self.close_connection = True
            return
        if status == "hang":
            self.connection.settimeout(30)
            if not self.connection.recv(1):
                server.gone.set()
            self.close_connection = True
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = server.hang_up

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names are the library's

    def log_message(self, *_):
        pass
