"""A port where nobody listens, until a test does: a port that was merely closed may be anybody's by then."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port of loopback that refuses connections and is given to nobody else while this is open.

    Bound, not listening; a server that asks for the port with SO_REUSEPORT, as gRPC's do, may listen on it meanwhile.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
