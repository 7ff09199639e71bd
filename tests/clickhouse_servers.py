"""ClickHouse servers for tests: clickhouse_front.py as a process of its own, and a proxy that fails on demand."""

import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Self

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from harness import PATIENCE_SECONDS, ServerProcess
from held_ports import held_port

from spanhouse_backend.clickhouse_address import parse_url
from spanhouse_backend.store.server import Server

USER, PASSWORD = "otel", "pass/wörd:@1"


class ClickHouse:
    """`with ClickHouse(directory) as server:` serves until the block ends; killed and started again, on one port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port_file = directory.with_name(directory.name + ".port")
        # While the server is dead, nobody else is given its port.
        self._held = contextlib.ExitStack()
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port_file.write_text(str(self.port))
        front = Path(__file__).with_name("clickhouse_front.py")
        command = [sys.executable, str(front), str(self._directory), str(self._port_file), USER, PASSWORD]
        # It leaves copies of schemas in the folder it was started in.
        self.process = subprocess.Popen(command, cwd=self._directory.parent)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline, "ClickHouse did not start"
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.port = self._held.enter_context(held_port())
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._held.close()

    def url(self, database: str, port: int = 0) -> str:
        """As --clickhouse takes it; the password comes by `password_file`."""
        return f"http://{USER}@127.0.0.1:{port or self.port}/{database}"

    def client(self, database: str) -> Client:
        """A plain client of one database, which has to be there."""
        return clickhouse_connect.get_client(
            host="127.0.0.1",
            port=self.port,
            username=USER,
            password=PASSWORD,
            database=database,
            autogenerate_session_id=False,
        )

    def rows(self, database: str, sql: str) -> list[tuple[object, ...]]:
        """What it answers."""
        client = self.client(database)
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()


class Door:
    """Another spanhouse's port for ClickHouse's clients, which lets everybody write, as a ClickHouse server."""

    def __init__(self, directory: Path) -> None:
        self._server = ServerProcess(
            directory, "--clickhouse-http", "127.0.0.1:0", "--clickhouse-http-writes", "on", "--log-level", "warning"
        )

    def __enter__(self) -> Self:
        # The engine leaves copies of schemas in the folder that its process was started in.
        with contextlib.chdir(self._server.directory.parent):
            self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    @property
    def port(self) -> int:
        return int(self._server.clickhouse_http.rpartition(":")[2])

    def url(self, database: str, port: int = 0) -> str:
        return f"http://{USER}@127.0.0.1:{port or self.port}/{database}"

    def rows(self, database: str, sql: str) -> list[tuple[object, ...]]:
        client = clickhouse_connect.get_client(host="127.0.0.1", port=self.port, database=database)
        try:
            return [tuple(row) for row in client.query(sql).result_rows]
        finally:
            client.close()


def place_on(server: ClickHouse, database: str) -> Server:
    """A database on it, for a `Store` in the test's own process."""
    return Server(replace(parse_url(server.url(database)), password=PASSWORD))


def spanhouse_on(url: str, tmp_path: Path, name: str, *arguments: str) -> ServerProcess:
    """A spanhouse server over a ClickHouse server, not started yet."""
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    given = ("--clickhouse", url, "--clickhouse-password-file", str(file), *arguments)
    return ServerProcess(tmp_path / name, *given)


class Fault:
    """What happens to the next requests whose beginning contains `marker`, `times` times.

    "before" cuts the connection instead of passing the request on; "after" passes it on and cuts the connection in
    place of the answer; "hold" passes it on and keeps the answer until `release`; "refuse" answers `answer` with 500
    and a code, and "answer" with 200.
    """

    def __init__(self, marker: bytes, how: str, times: int = 1, *, answer: bytes = b"", code: int = 0) -> None:
        self.marker, self.how, self.times, self.answer, self.code = marker, how, times, answer, code
        self.happened = threading.Event()
        self._released = threading.Event()

    def release(self) -> None:
        self._released.set()

    def wait(self) -> None:
        self._released.wait(PATIENCE_SECONDS)


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    upstream: ClassVar[int]
    faults: ClassVar[list[Fault]]
    lock: ClassVar[threading.Lock]

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self._fault(self.path.encode() + b"\n" + body)
        how = fault.how if fault else ""
        status, headers, answer = 200, {}, b""
        if fault and how in {"answer", "refuse"}:
            answer = fault.answer
            if how == "refuse":
                status, headers = 500, {"X-ClickHouse-Exception-Code": str(fault.code)}
        elif how != "before":
            upstream = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=PATIENCE_SECONDS)
            with contextlib.closing(upstream):
                upstream.request(self.command, self.path, body, dict(self.headers))
                response = upstream.getresponse()
                status, headers, answer = response.status, dict(response.headers), response.read()
        if fault:
            fault.happened.set()
        if fault and how == "hold":
            fault.wait()
        if how in {"before", "after"}:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _fault(self, said: bytes) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.marker in said:
                    fault.times -= 1
                    return fault
        return None


class Proxy:
    """`with Proxy(port) as proxy:` passes requests on to a port, with what is in `faults` happening to them."""

    def __init__(self, upstream: int, tls: ssl.SSLContext | None = None) -> None:
        self.faults: list[Fault] = []
        scope = {"upstream": upstream, "faults": self.faults, "lock": threading.Lock()}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Passing", (_Passing,), scope))
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults:
            fault.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_SECONDS)

    @contextlib.contextmanager
    def having(self, *faults: Fault) -> Iterator[None]:
        self.faults[:] = faults
        try:
            yield
        finally:
            self.faults.clear()
