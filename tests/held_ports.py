"""A port where nobody listens, until a test does: a port that was merely closed may be anybody's by then."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port(address: str = "127.0.0.1:0") -> Iterator[int]:
    """The port of `address`, or a new one of loopback, which is given to nobody else while this is open.

    Bound, not listening, so it refuses connections; a server that asks for this very port with SO_REUSEADDR (ours,
    uvicorn's) or SO_REUSEPORT (gRPC's own) may listen on it meanwhile. On Linux, that is: elsewhere it could not.
    """
    host, _, port = address.rpartition(":")
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, int(port)))
        yield held.getsockname()[1]
