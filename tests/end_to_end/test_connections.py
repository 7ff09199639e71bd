"""Connections that are slow, idle, endless or many: they are closed in time, and keep nobody else out."""

import contextlib
import resource
import socket
import time

import grpc
import pytest
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, resident_peak_bytes
from otlp_over_http import PROTOBUF, answer_on, body_of, connect, head, headers_of
from otlp_requests import request

MIB = 1 << 20
GOOD = body_of(request("good", [1000]), PROTOBUF)
WHOLE = head(headers_of(PROTOBUF) | {"Content-Length": str(len(GOOD))}) + GOOD
# As many as a test machine lets a process open, and thousands where it can.
MANY = min(3000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)


def closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection, having sent nothing more on it."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_client_that_keeps_the_server_waiting_for_headers_is_closed(tmp_path):
    """One that says nothing, and one that says a little of its headers every now and then, for as long as it can."""
    with ServerProcess(tmp_path / "data") as server, connect(server.http) as silent, connect(server.http) as slow:
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        deadline = time.monotonic() + PATIENCE_SECONDS
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                slow.sendall(b"X: y\r\n")
                time.sleep(0.2)
                slow.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
                    break
        assert time.monotonic() < deadline
        silent.settimeout(PATIENCE_SECONDS)
        assert silent.recv(100) in (
            b"",
            b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )
        with connect(server.http) as good:
            good.sendall(WHOLE)
            assert answer_on(good)[0].status == 200
            assert not closed(good)  # between requests a connection may rest for longer


def test_when_all_connections_are_taken_the_one_waited_for_longest_gives_way(tmp_path):
    with ServerProcess(tmp_path / "data", "--max-connections", "20") as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(server.http)) for _ in range(20)]
        held[0].sendall(WHOLE)
        assert answer_on(held[0])[0].status == 200  # so it is waited for since now, and the others are older
        for _ in range(10):
            with connect(server.http) as good:
                good.sendall(WHOLE)
                assert answer_on(good)[0].status == 200
        held[0].sendall(WHOLE)
        assert answer_on(held[0])[0].status == 200
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not closed(held[1]):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("flood", [b"X: " + b"y" * 10_000_000, b"X: y\r\n" * 1_000_000])
def test_a_flood_of_headers_is_refused_and_costs_no_memory(tmp_path, flood):
    with ServerProcess(tmp_path / "data") as server:
        before = resident_peak_bytes(server)
        with connect(server.http) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + flood)
            with contextlib.suppress(ConnectionError):
                assert answer_on(connection)[0].status == 400
        assert server.get("/healthz").status_code == 200
        assert resident_peak_bytes(server) - before < 16 * MIB


def test_a_flood_of_metadata_is_refused_and_the_next_call_is_not(tmp_path):
    with ServerProcess(tmp_path / "data") as server, grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as refused:
            call(GOOD, metadata=[("flood", "y" * 100_000)], timeout=PATIENCE_SECONDS)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        call(GOOD, timeout=PATIENCE_SECONDS)


def test_thousands_of_connections_that_do_nothing_leave_room_for_those_that_do(tmp_path):
    """A third says nothing, a third begins its headers, a third begins its body: what they take is bounded."""
    begun = head(headers_of(PROTOBUF) | {"Content-Length": "60000"}) + b"\x0a" * 50_000
    openings = [b"", b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n", begun]
    with ServerProcess(tmp_path / "data") as server, contextlib.ExitStack() as stack:
        before = resident_peak_bytes(server)
        for index in range(MANY):
            connection = stack.enter_context(connect(server.http))
            connection.sendall(openings[index % 3])
            if index % 300 == 0:
                assert server.export(GOOD) == [grpc.StatusCode.OK]
                assert server.get("/healthz").status_code == 200
        with connect(server.http) as good:
            good.sendall(WHOLE)
            assert answer_on(good)[0].status == 200
        assert resident_peak_bytes(server) - before < 300 * MIB


def test_grpc_takes_no_more_connections_than_it_may(tmp_path):
    """Those it has go on; when some are closed there is room again."""
    with ServerProcess(tmp_path / "data", "--max-connections", "5") as server:
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                held = stack.enter_context(connect(server.grpc))
                held.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
                assert held.recv(9)  # its settings: the connection is made
            with connect(server.grpc) as late:
                late.settimeout(PATIENCE_SECONDS)
                with contextlib.suppress(ConnectionError):
                    assert late.recv(9) == b""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while server.export(GOOD) != [grpc.StatusCode.OK]:
            assert time.monotonic() < deadline
