"""Requests over HTTP with the standard library: connections that are kept, a deadline, and trying again.

`spanhouse` goes into other people's services, so it brings no HTTP library along for the few who ask questions there.
"""

# Looking an address up imports it, and not in a thread of ours: a child that was forked meanwhile could wait for the
# import for ever.
import encodings.idna  # noqa: F401
import http.client
import os
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from spanhouse.errors import ConfigurationError
from spanhouse.query.asking import Request, Response
from spanhouse.query.errors import QueryError, TimedOut, Unavailable
from spanhouse.version import __version__

# More than one thread's worth of idle connections helps threads; more than these would be sockets that nobody uses.
_MAX_IDLE = 8
# What the server may take beyond the time it was given, to say that it has passed.
_GRACE_SECONDS = 5.0
_RETRIED = frozenset({429, 503})
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+")
"""What a header can carry without being another one; which names there are, the server says."""


class _Address(NamedTuple):
    host: str
    port: int
    prefix: str
    tls: bool


class Transport:
    """Where requests go, and the connections there; for any number of threads.

    Taking a connection out of the list and putting it back are atomic and each has one user at a time, so there is no
    lock to wait for; a child process after a fork sees another process id and leaves its parent's connections alone.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        ca: str | os.PathLike[str] | None,
        cert: tuple[str, str] | None,
        retries: int,
        namespace: str | None = None,
    ) -> None:
        self._address = _parse(url)
        self.url = url
        self.retries = retries
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"spanhouse/{__version__}",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if namespace is not None:
            if not _NAMESPACE.fullmatch(str(namespace)):
                raise ConfigurationError(f"Client: namespace={namespace!r} is not a name")
            self._headers["X-Spanhouse-Namespace"] = namespace
        self._context = _context(ca, cert) if self._address.tls else None
        if not self._address.tls and (ca or cert):
            raise ConfigurationError(f"Client: ca and cert are for https, and {url!r} is not")
        self._idle: list[tuple[int, http.client.HTTPConnection]] = []
        self._closed = False

    def take(self, timeout: float) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it has been used before: such a one may be dead."""
        while self._idle:
            process, connection = self._idle.pop()
            if process == os.getpid() and connection.sock is not None:
                connection.sock.settimeout(timeout)
                return connection, True
        host, port = self._address.host, self._address.port
        if self._context:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context), False
        return http.client.HTTPConnection(host, port, timeout=timeout), False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keeps it for the next request."""
        if self._closed or connection.sock is None or len(self._idle) >= _MAX_IDLE:
            connection.close()
        else:
            self._idle.append((os.getpid(), connection))

    def send(self, connection: http.client.HTTPConnection, request: Request) -> Response:
        """One request and its response. Raises OSError, HTTPException."""
        headers = {**self._headers, **request.headers}
        connection.request(request.method, self._address.prefix + request.target, request.body or None, headers)
        answered = connection.getresponse()
        said = {name.lower(): value for name, value in answered.getheaders()}
        return Response(answered.status, said, answered.read())

    def close(self) -> None:
        """Closes the connections that nobody uses; those in use close when they are given back."""
        self._closed = True
        while self._idle:
            process, connection = self._idle.pop()
            if process == os.getpid():
                connection.close()


class Exchange:
    """One request until its response, which another thread may abort.

    `abort` sets its mark before it looks for a socket, and `run` looks for the mark after it has one: whichever comes
    first, the request ends, and neither waits for the other. `grace` is how much longer than `timeout` the server may
    take to say that it has passed; none where it is not told.
    """

    def __init__(
        self, transport: Transport, request: Request, timeout: float, *, grace: float = _GRACE_SECONDS
    ) -> None:
        self._transport = transport
        self._request = request
        self._timeout = timeout
        self._grace = grace
        # What deletes may have deleted before its answer was lost.
        self._again = request.method != "DELETE"
        self._aborted = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> Response:
        """The response, whatever its status; tried again while the server asks for that and there is time.

        Raises Unavailable when there is no server, TimedOut when it does not answer.
        """
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            response = self._once()
            attempt += 1
            # Seconds: HTTP allows a date, too, but no server of ours sends one.
            pause = response.headers.get("retry-after", "")
            asked_again = self._again and response.status in _RETRIED and pause.isdecimal()
            if not asked_again or attempt > self._transport.retries:
                return response
            if time.monotonic() + float(pause) >= deadline or self._aborted.wait(float(pause)):
                return response

    def abort(self) -> None:
        """Ends the request: the server notices, and stops working on it."""
        self._aborted.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _once(self) -> Response:
        while True:
            connection, used = self._transport.take(self._timeout + self._grace)
            try:
                response = self._send_on(connection, used=used)
            except TimeoutError as error:
                raise TimedOut(f"{self._transport.url} did not answer within {self._timeout:g} s") from error
            except (OSError, http.client.HTTPException) as error:
                if self._aborted.is_set():
                    raise QueryError("the question was withdrawn") from error
                # The server closes connections that nobody used for a while, and that shows with the next request only.
                if used and self._again:
                    continue
                problem = str(error) or type(error).__name__
                raise Unavailable(f"no answer from {self._transport.url}: {problem}") from error
            self._transport.give_back(connection)
            return response

    def _send_on(self, connection: http.client.HTTPConnection, *, used: bool) -> Response:
        self._connection = connection
        try:
            if not used:
                connection.connect()
            if self._aborted.is_set() and connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)
            return self._transport.send(connection, self._request)
        except BaseException:
            connection.close()
            raise
        finally:
            self._connection = None


def _parse(url: str) -> _Address:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.query or parts.username:
        raise ConfigurationError(f"Client: {url!r} is not an address such as http://127.0.0.1:4318")
    tls = parts.scheme == "https"
    return _Address(parts.hostname, port or (443 if tls else 80), parts.path.rstrip("/"), tls)


def _context(ca: str | os.PathLike[str] | None, cert: tuple[str, str] | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert:
            context.load_cert_chain(*cert)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"Client: cannot use ca={ca!r}, cert={cert!r}: {error}") from error
    return context
