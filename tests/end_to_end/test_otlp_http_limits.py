"""OTLP/HTTP under senders that send too much, too slowly, or not to the end: a status for each, and bounded memory."""

import gzip
import selectors
import signal
import socket
import time
import zlib
from collections.abc import Iterator

import httpx
import pytest
from google.rpc import code_pb2, error_details_pb2
from harness import PATIENCE_SECONDS, ServerProcess, resident_peak_bytes, stored_spans
from otlp_over_http import (
    COMPRESSIONS,
    JSON,
    PATH,
    PROTOBUF,
    answer_on,
    body_of,
    chunked,
    connect,
    head,
    headers_of,
    send_raw,
    status_of,
)
from otlp_requests import request

LIMIT = 65_536
LARGE = request("large", [1000], name="n" * 2 * LIMIT)
SMALL = request("small", [1000])
BOTH = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])


@pytest.fixture(scope="module")
def small_server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that takes requests of up to 64 KiB, and about three of those at once."""
    limits = ("--max-request-bytes", str(LIMIT), "--max-waiting-bytes", str(3 * LIMIT))
    with ServerProcess(tmp_path_factory.mktemp("small") / "data", *limits) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def post(server: ServerProcess, content: bytes, media_type: str, **headers: str) -> httpx.Response:
    return httpx.post(
        f"http://{server.http}{PATH}", content=content, headers=headers_of(media_type) | headers, timeout=60
    )


def assert_too_large(status: int, content: bytes, media_type: str) -> None:
    assert status == 413
    told = status_of(content, media_type)
    assert told.code == code_pb2.RESOURCE_EXHAUSTED
    assert not told.details  # no RetryInfo: nobody should send it again
    assert told.message == f"the request has more than {LIMIT} bytes, which is the limit"


@BOTH
@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_a_request_over_the_limit_is_413_however_it_is_packed(small_server, media_type, compression):
    encoding, compress = COMPRESSIONS[compression]
    headers = {"Content-Encoding": encoding} if encoding else {}
    response = post(small_server, compress(body_of(LARGE, media_type)), media_type, **headers)
    assert_too_large(response.status_code, response.content, media_type)
    assert post(small_server, compress(body_of(SMALL, media_type)), media_type, **headers).status_code == 200


@BOTH
def test_a_request_over_the_limit_in_chunks_is_413_and_the_connection_goes_on(small_server, media_type):
    start = head(headers_of(media_type) | {"Transfer-Encoding": "chunked"})
    with connect(small_server.http) as connection:
        connection.sendall(start + chunked(body_of(LARGE, media_type), 5000))
        response, content = answer_on(connection)
        assert_too_large(response.status, content, media_type)
        connection.sendall(start + chunked(body_of(SMALL, media_type), 5000))
        assert answer_on(connection)[0].status == 200


def test_a_request_that_announces_too_much_is_refused_before_it_is_sent(small_server):
    """RFC 9110, 10.1.1: who asks with Expect: 100-continue need not send what would be refused."""
    headers = headers_of(PROTOBUF) | {"Content-Length": "1000000000", "Expect": "100-continue"}
    response, content = send_raw(small_server.http, [head(headers)])
    assert_too_large(response.status, content, PROTOBUF)


def test_a_sender_without_end_is_told_and_costs_no_memory(small_server):
    """Sent on and on, whether or not anybody reads the answer."""
    before = resident_peak_bytes(small_server)
    with connect(small_server.http) as connection:
        connection.sendall(head(headers_of(PROTOBUF) | {"Transfer-Encoding": "chunked"}))
        for _ in range(64):
            connection.sendall(b"100000\r\n" + b"\x0a" * 0x100000 + b"\r\n")
        response, content = answer_on(connection)
    assert_too_large(response.status, content, PROTOBUF)
    assert resident_peak_bytes(small_server) - before < 32 << 20


@pytest.mark.parametrize(("encoding", "window_bits"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
def test_a_decompression_bomb_is_put_down_after_its_first_pieces(small_server, encoding, window_bits):
    compressor = zlib.compressobj(wbits=window_bits)
    bomb = b"".join([compressor.compress(bytes(1 << 20)) for _ in range(256)]) + compressor.flush()
    bomb = bomb[: LIMIT - 1]  # so that it is not the size on the wire that it is refused for
    before = resident_peak_bytes(small_server)
    for _ in range(8):
        response = post(small_server, bomb, PROTOBUF, **{"Content-Encoding": encoding})
        assert_too_large(response.status_code, response.content, PROTOBUF)
    assert resident_peak_bytes(small_server) - before < 32 << 20


def test_compressed_data_that_comes_to_nothing_is_measured_as_it_is_sent(small_server):
    nothing = gzip.compress(b"") * 4000
    response = send_raw(
        small_server.http,
        [
            head(headers_of(PROTOBUF, "gzip") | {"Transfer-Encoding": "chunked"}),
            chunked(nothing, 1000),
        ],
    )
    assert_too_large(response[0].status, response[1], PROTOBUF)


def test_what_is_being_received_is_bounded_and_asks_for_patience(tmp_path):
    """Four senders, each within the limit of one request, and together over that of all: one is sent away."""
    limits = ("--max-request-bytes", str(LIMIT), "--max-waiting-bytes", str(3 * LIMIT))
    body = body_of(request("patient", [1000], name="n" * (LIMIT - 200)), PROTOBUF)
    assert LIMIT - 200 < len(body) < LIMIT
    start = head(headers_of(PROTOBUF) | {"Content-Length": str(len(body))})
    with ServerProcess(tmp_path / "data", *limits) as server:
        senders = [connect(server.http) for _ in range(4)]
        with selectors.DefaultSelector() as selector:
            for sender in senders:
                selector.register(sender, selectors.EVENT_READ)
                sender.sendall(start + body[:-1])
            ready = selector.select(PATIENCE_SECONDS)
        assert len(ready) == 1
        refused = ready[0][0].fileobj
        assert isinstance(refused, socket.socket)
        response, content = answer_on(refused)
        assert response.status == 429
        status = status_of(content, PROTOBUF)
        assert status.code == code_pb2.RESOURCE_EXHAUSTED
        retry = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(retry)
        assert 1 <= retry.retry_delay.seconds == int(response.headers["Retry-After"]) <= 45
        for sender in senders:
            if sender is not refused:
                sender.sendall(body[-1:])
        assert [answer_on(sender)[0].status for sender in senders if sender is not refused] == [200] * 3
        for sender in senders:
            sender.close()
        assert post(server, body, PROTOBUF).status_code == 200


def test_senders_that_go_away_leave_nothing_behind(small_server):
    """Cut off in the middle, again and again: what they had sent is let go, and nobody is blamed in the log."""
    body = body_of(request("gone", [1000], name="n" * (LIMIT - 200)), PROTOBUF)
    for _ in range(20):
        with connect(small_server.http) as connection:
            connection.sendall(head(headers_of(PROTOBUF) | {"Content-Length": str(len(body))}) + body[:-1])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while post(small_server, body, PROTOBUF).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_sender_in_the_middle_does_not_keep_the_server_from_stopping(tmp_path):
    """It has the grace period to come to an end, and is then told to send to the next server."""
    with ServerProcess(tmp_path / "data") as server, connect(server.http) as connection:
        connection.sendall(head(headers_of(JSON) | {"Content-Length": "1000"}) + b"{")
        assert post(server, body_of(SMALL, JSON), JSON).status_code == 200
        assert server.stop(signal.SIGTERM) == 0
        response, content = answer_on(connection)
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
        assert status_of(content, JSON).code == code_pb2.UNAVAILABLE
        assert "Traceback" not in server.log.read_text()
    assert len(stored_spans(tmp_path / "data", "SpanName")) == 1
