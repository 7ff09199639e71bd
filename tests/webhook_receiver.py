"""A webhook's receiver: a small HTTP server that keeps what is posted to it, and answers as it is told to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE_SECONDS = 60.0
HANG = 0
"""In place of a status: no answer at all, until the receiver ends."""


class Posted(NamedTuple):
    """One request: its path, headers and JSON body."""

    path: str
    headers: dict[str, str]
    body: Any


class Receiver:
    """What came, and what is answered: each of `answers` once, then 200."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.answers: list[int] = []
        self.answer_headers: dict[str, str] = {}
        self.url = ""
        self.over = threading.Event()

    def wait(self, condition: Callable[[list[Posted]], bool]) -> list[Posted]:
        """What was posted, as soon as the condition holds of it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(list(self.posted)):
            assert time.monotonic() < deadline, f"still waiting; posted: {self.posted}"
            time.sleep(0.05)
        return list(self.posted)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.posted.append(Posted(self.path, dict(self.headers), body))
            status = receiver.answers.pop(0) if receiver.answers else 200
            if status == HANG:
                receiver.over.wait(PATIENCE_SECONDS)
                return
            self.send_response(status)
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
