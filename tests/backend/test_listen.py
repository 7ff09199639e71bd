"""The sockets that the server answers on."""

import socket
from contextlib import closing

import pytest

from spanhouse_backend.listen import bind, bound_address
from spanhouse_backend.settings import Address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_end_of_an_answer_does_not_wait_for_the_clients_acknowledgement(host):
    """Connections have TCP_NODELAY: an answer is written in several pieces, and a client acknowledges after 40 ms."""
    with closing(bind(Address(host, 0), "--http")) as listener:
        address = bound_address(listener)
        with socket.create_connection((address.host, address.port)):
            connection, _ = listener.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
