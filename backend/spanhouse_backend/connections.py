"""Connections, bounded: how many, how long each may keep the server waiting, and who gives way when all are taken.

gRPC has options for that. uvicorn has none: it waits for ever for a request that does not come to its end, and takes
any number of connections. So an HTTP connection that keeps the server waiting is closed after a time: for a request's
headers, for its body, for the answer to be read. When all connections are taken, the one that has kept the server
waiting longest is closed for a new one, so that those who hold connections without using them keep nobody out.
"""

import asyncio
import resource
from collections import OrderedDict
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""From a connection's beginning, or a request's first byte, to the end of its headers."""
BODY_SECONDS = 75.0
"""From there to the end of its body: longer than OTLP's own patience, which answers with a status."""
IDLE_SECONDS = 65
"""Between requests: longer than exporters wait between batches, so that they find their connection open."""
ANSWER_SECONDS = 60.0
"""A client that reads nothing of its answer for this long is gone."""
MAX_HEADER_BYTES = 32 * 1024
GRPC_IDLE_SECONDS = 300
# Files of the engine's and sockets of gRPC's also need descriptors.
_DESCRIPTORS_OF_OTHERS = 0.5
_DOORS = 3
BREAK_OFF = "spanhouse.break_off"
"""An ASGI extension: closes the connection when all that was sent is on its way, in the middle of an answer."""
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 38\r\n\r\nall connections are taken; come again\n"
)


class Connections:
    """The connections of one server. Everything happens on one event loop, in callbacks that never wait: no lock."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._all: set[BoundedProtocol] = set()
        # Those that keep the server waiting, longest first.
        self._waited_for: OrderedDict[BoundedProtocol, None] = OrderedDict()

    def protocol(self, *arguments: Any, **options: Any) -> "BoundedProtocol":
        """A protocol for the next connection: what uvicorn calls its http class."""
        return BoundedProtocol(self, *arguments, **options)

    def admit(self, connection: "BoundedProtocol") -> bool:
        """Whether there is room, which the longest waited for may have to make."""
        if len(self._all) >= self._limit:
            if not self._waited_for:
                return False
            longest, _ = self._waited_for.popitem(last=False)
            longest.give_way()
            self._all.discard(longest)
        self._all.add(connection)
        return True

    def wait_for(self, connection: "BoundedProtocol") -> None:
        """The server waits for this one's client, from now on."""
        self._waited_for[connection] = None
        self._waited_for.move_to_end(connection)

    def work_for(self, connection: "BoundedProtocol") -> None:
        """The client waits for the server: a connection that never gives way."""
        self._waited_for.pop(connection, None)

    def forget(self, connection: "BoundedProtocol") -> None:
        """It is closed."""
        self._all.discard(connection)
        self._waited_for.pop(connection, None)


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with deadlines for what the client has to do."""

    def __init__(self, all_connections: Connections, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.app = self._extended(self.app)
        self._bounds = all_connections
        self._answered_any = False
        self._deadline: asyncio.TimerHandle | None = None
        self._due = ""
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Lets it in, or says that there is no room."""
        super().connection_made(transport)
        if self._bounds.admit(self):
            self._expect()
        else:
            transport.write(_NO_ROOM)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it, and its deadlines."""
        self._bounds.forget(self)
        self._set_deadline("", 0)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, then sets the deadline for what is due next."""
        super().data_received(data)
        self._expect()

    def on_response_complete(self) -> None:
        """The client's turn again."""
        self._answered_any = True
        super().on_response_complete()
        self._expect()

    def pause_writing(self) -> None:
        """The client does not read: for a time."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _extended(self, app: Any) -> Any:
        async def with_break_off(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), BREAK_OFF: self._break_off}
            await app(scope, receive, send)

        return with_break_off

    def _break_off(self) -> None:
        """Without the end that HTTP wants; uvicorn is told that the client is gone, and so does not complain."""
        self.cycle.disconnected = True
        self.transport.close()

    def give_way(self) -> None:
        """Closes the connection at once."""
        self._set_deadline("", 0)
        self.transport.abort()

    def _expect(self) -> None:
        """Sets the deadline for whatever is due next: a request's headers, its body, or nothing from the client."""
        theirs = self.conn.their_state
        if self.transport.is_closing():
            self._set_deadline("", 0)
        elif theirs is h11.SEND_BODY:
            self._set_deadline("body", BODY_SECONDS)
        elif theirs is not h11.IDLE or self.conn.our_state is not h11.IDLE:
            self._set_deadline("", 0)
        elif not self._answered_any or self.conn.trailing_data[0]:
            self._set_deadline("headers", HEADER_SECONDS)
        else:
            self._set_deadline("a request", IDLE_SECONDS)

    def _set_deadline(self, due: str, seconds: float) -> None:
        if due == self._due:
            return  # A little more of the same does not put it off.
        self._due = due
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if due:
            self._bounds.wait_for(self)
            self._deadline = self.loop.call_later(seconds, self._late)
        else:
            self._bounds.work_for(self)

    def _late(self) -> None:
        """Says so to whoever has begun a request, and closes."""
        if self._due == "headers":
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
        else:
            self.transport.abort()


def grpc_bounds(connections: int) -> list[tuple[str, int]]:
    """Options of gRPC for the same: see its core's channel_arg_names.h.

    Calls of one connection are not limited: gRPC refuses what is over such a limit with UNAVAILABLE, on other
    connections too. What a call that is not yet read holds is bounded by its connection's window.
    """
    return [
        ("grpc.max_allowed_incoming_connections", connections),
        # Until it has said that it speaks HTTP/2.
        ("grpc.server_handshake_timeout_ms", int(HEADER_SECONDS * 1000)),
        ("grpc.max_connection_idle_ms", GRPC_IDLE_SECONDS * 1000),
        # Finds clients that went away without a word.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.max_metadata_size", 8 * 1024),
        ("grpc.absolute_max_metadata_size", MAX_HEADER_BYTES),
        # gRPC would widen the window of a connection that is quick to many megabytes, which it then holds of a call
        # that nobody has read yet: forty quick connections held half a gigabyte. Without it a message over 64 KiB takes
        # a round trip more, since its window opens only when it is read.
        ("grpc.http2.bdp_probe", 0),
    ]


def connection_limit(wanted: int) -> int:
    """How many connections each protocol can have: `wanted`, or what the process may open.

    Raises the soft limit of open files as far as it may be. Half of that is for the engine's files, and each of the
    doors (HTTP, gRPC, ClickHouse's clients) has a third of the rest.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, int(hard * (1 - _DESCRIPTORS_OF_OTHERS) / _DOORS))
