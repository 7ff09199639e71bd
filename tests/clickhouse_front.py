"""A ClickHouse server for tests: HTTP in front of the embedded engine, as much of it as clickhouse-connect speaks.

A process of its own, as a server is: `python clickhouse_front.py DIRECTORY PORT_FILE [USER PASSWORD]`. What it is not:
it has no rights beyond one user and one password, and no memory of sessions but temporary tables of one handle.
Tests from end to end use spanhouse's own port instead (`Door`); here is what that has not: a user with a password, a
start on the port it had before it was killed, and no gates, which makes it quick enough for every question.
"""

import base64
import email.parser
import email.policy
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
from chdb import _chdb
from clickhouse_connect.driver._backend.models import QueryRuntime
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

HANDLES = 8
AUTHENTICATION_FAILED = 516
INSERT = re.compile(rb"\s*INSERT INTO (?P<table>[^\n]+?)\s+FORMAT (?P<format>\w+)\n", re.IGNORECASE)


class Front(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    idle: ClassVar[SimpleQueue[Client]] = SimpleQueue()
    sessions: ClassVar[dict[str, Client]] = {}
    authorization = ""
    lock = threading.Lock()

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        if urlsplit(self.path).path == "/ping":
            self._send(200, b"Ok.\n")
            return
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if (self.headers.get("Content-Type") or "").startswith("multipart/form-data"):
            fields = form(self.headers["Content-Type"], body)
            body = fields.pop("query").encode()
            parameters |= fields
        statement = parameters.get("query", "").encode()
        statement += b"\n" + body if statement and body else body
        if self.authorization and self.headers.get("Authorization") != self.authorization:
            self._fail(AUTHENTICATION_FAILED, "Authentication failed: password is incorrect")
            return
        session = parameters.get("session_id", "")
        client = self._taken(session)
        try:
            answer = run(client, statement, parameters)
        except DatabaseError as error:
            # What a failed statement had put out would be in the next answer of its handle.
            client = renewed(client)
            self._fail(error.code or 1, str(error))
        else:
            if "readonly" in parameters:  # which nothing takes back
                client = renewed(client)
            self._send(200, answer)
        finally:
            if session:
                self.sessions[session] = client
            else:
                self.idle.put(client)

    def _taken(self, session: str) -> Client:
        if not session:
            return self.idle.get()
        with self.lock:
            known = self.sessions.pop(session, None)
        return known or engine()

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, code: int, message: str) -> None:
        self._send(500, f"Code: {code}. DB::Exception: {message}".encode(), X_ClickHouse_Exception_Code=str(code))


def run(client: Client, statement: bytes, parameters: dict[str, str]) -> bytes:
    """What the engine answers to a statement, which may have the data of an INSERT behind it."""
    settings = {name: value for name, value in parameters.items() if not name.startswith("param_") and name != "query"}
    # It locks the others.
    settings |= {"readonly": settings.pop("readonly")} if "readonly" in settings else {}
    bound = {name: value for name, value in parameters.items() if name.startswith("param_")}
    runtime = QueryRuntime(database=parameters.get("database", "default"), settings=settings)
    insert = INSERT.match(statement)
    if insert:
        block = statement[insert.end() :]
        table, name = insert["table"].decode(), insert["format"].decode()
        client._backend.execute_raw_insert(table, None, block, name, None, runtime, None)
        return b""
    return client._backend.execute_raw_query(statement, bound, None, runtime, None)


def form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a multipart/form-data body."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True).decode()
        for part in message.iter_parts()
    }


def engine() -> Client:
    """One more handle on the engine."""
    return clickhouse_connect.get_client(dsn=f"chdb://{sys.argv[1]}")


def renewed(client: Client) -> Client:
    """A handle in place of another."""
    client.close()
    return engine()


def main() -> None:
    """Serves until killed."""
    _chdb.set_signal_handlers_enabled(0)
    for _ in range(HANDLES):
        Front.idle.put(engine())
    port_file = Path(sys.argv[2])
    if len(sys.argv) > 3:
        Front.authorization = "Basic " + base64.b64encode(f"{sys.argv[3]}:{sys.argv[4]}".encode()).decode()
    server = ThreadingHTTPServer(("127.0.0.1", int(port_file.read_text()) if port_file.exists() else 0), Front)
    unfinished = port_file.with_suffix(".tmp")
    unfinished.write_text(str(server.server_port))
    unfinished.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
