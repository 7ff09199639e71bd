"""Spans as they arrive: GET /api/v1/live of a real server."""

import json
import signal
import socket
import time
from contextlib import ExitStack

import grpc
import httpx
import pytest
from event_streams import watching
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from otlp_requests import request

from spanhouse_backend.query.arrivals import MAX_AT_ONCE
from spanhouse_backend.query.live import MAX_WATCHERS


def store(server, *messages):
    """Stores each message by itself."""
    with grpc.insecure_channel(server.grpc) as channel:
        export = channel.unary_unary(EXPORT)
        for message in messages:
            export(message.SerializeToString(), timeout=PATIENCE_SECONDS)


def test_a_span_is_told_as_it_is_stored_whatever_its_time(shared_server):
    """The same document that `spans` has of it; what was there before is not told."""
    store(shared_server, request("live", [5], name="before"))
    tier = {"tier": AnyValue(string_value="gold\n\u2028")}
    with watching(shared_server.http, service="live") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        store(shared_server, request("live", [7], name="now", attributes=tier))
        store(shared_server, request("live", [9], name="old", start_ns=time.time_ns() - 3600 * 10**9))
        now, old = stream.spans(2)
    assert (now["name"], old["name"]) == ("now", "old")
    rows = shared_server.get("/api/v1/spans", service="live", name="now").json()["rows"]
    assert rows == [now]


def test_only_what_the_filter_describes_is_told(shared_server):
    with watching(shared_server.http, service="picked", filter="duration>1ms name~'^sl'") as stream:
        store(
            shared_server,
            request("picked", [5], name="slow"),
            request("picked", [5_000_000], name="other"),
            request("another", [5_000_000], name="slow"),
            request("picked", [6_000_000], name="slow"),
        )
        (span,) = stream.spans(1)
    assert (span["service"], span["name"], span["duration_ns"]) == ("picked", "slow", 6_000_000)


def test_every_span_is_told_once_while_parts_merge(shared_server):
    """Of inserts that come singly, which the engine soon merges, before and after they are told."""
    with watching(shared_server.http, service="merging") as stream:
        store(shared_server, *(request("merging", [number], name="n", seed=number) for number in range(40)))
        told = [span["duration_ns"] for span in stream.spans(40)]
        store(shared_server, request("merging", [999], name="n"))
        assert stream.spans(1)[0]["duration_ns"] == 999
    assert told == list(range(40))


def test_of_a_flood_some_are_told_and_the_others_counted(shared_server):
    """Nothing piles up for who watches; and only the last event says that all before were told."""
    with watching(shared_server.http, service="flood") as stream:
        store(shared_server, request("flood", range(1000)))
        events = stream.until(lambda found: bool(found) and found[-1].name == "dropped")
    assert [event.name for event in events] == ["span"] * MAX_AT_ONCE + ["dropped"]
    assert events[-1].data == {"spans": 1000 - MAX_AT_ONCE}
    assert [bool(event.id) for event in events] == [False] * MAX_AT_ONCE + [True]


def test_who_reads_nothing_is_told_of_less_and_how_much(shared_server):
    """Nothing is kept for him: when he reads again, what he is told and what was dropped are all that was stored."""
    host, port = shared_server.http.split(":")
    with socket.socket() as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, int(port)))
        connection.sendall(f"GET /api/v1/live?service=slow HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        stream = connection.makefile("rb")
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        while stream.readline() != b"\r\n":
            pass
        large = {"large": AnyValue(string_value="x" * 20_000)}
        messages = [request("slow", [number] * 150, attributes=large, seed=number) for number in range(12)]
        store(shared_server, *messages, request("slow", [5], name="last"))
        told = dropped = 0
        while told + dropped < 12 * 150 + 1:
            line = stream.readline()
            assert line, "the stream ended"
            told += line == b"event: span\n"
            if line.startswith(b'data: {"spans":'):
                dropped += json.loads(line.removeprefix(b"data: "))["spans"]
    # More than the sockets between them hold.
    assert dropped > 0
    assert told + dropped == 12 * 150 + 1


def test_who_comes_back_soon_goes_on_where_he_was(shared_server):
    with watching(shared_server.http, service="back") as stream:
        store(shared_server, request("back", [1]))
        stream.spans(1)
        last_id = stream.last_id
    store(shared_server, request("back", [2], seed=1), request("back", [3], seed=2))
    with watching(shared_server.http, last_event_id=last_id, service="back") as stream:
        assert [span["duration_ns"] for span in stream.spans(2)] == [2, 3]


def test_who_comes_back_with_an_id_of_nobodys_is_told_of_the_gap(shared_server):
    """Rather than that nothing was missed."""
    with watching(shared_server.http, last_event_id="987654321", service="gap") as stream:
        ((name, data, _),) = stream.until(lambda found: len(found) == 1)
        assert (name, data) == ("dropped", {"spans": None})
        store(shared_server, request("gap", [1]))
        assert len(stream.spans(1)) == 1


@pytest.mark.parametrize(
    ("parameters", "headers", "parameter"),
    [
        ({"filter": "duration>"}, {}, "filter"),
        ({"filter": 'name~"("'}, {}, "filter"),
        ({"srevice": "x"}, {}, "srevice"),
        ({}, {"Last-Event-ID": "1 OR 1"}, "Last-Event-ID"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_stream_begins(shared_server, parameters, headers, parameter):
    response = httpx.get(
        f"http://{shared_server.http}/api/v1/live", params=parameters, headers=headers, timeout=PATIENCE_SECONDS
    )
    assert response.status_code == 400
    assert response.json()["error"]["parameter"] == parameter


def streams(server):
    """How many the server says there are."""
    (line,) = [line for line in server.get("/metrics").text.splitlines() if line.startswith("spanhouse_live_streams")]
    return float(line.split()[1])


def test_so_many_may_watch_and_who_leaves_makes_room(shared_server):
    """The next one is asked to come back; questions are answered all the while."""
    wait_until(lambda: streams(shared_server) == 0)
    with ExitStack() as open_streams:
        for _ in range(MAX_WATCHERS):
            open_streams.enter_context(watching(shared_server.http))
        assert streams(shared_server) == MAX_WATCHERS
        refused = shared_server.get("/api/v1/live")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert shared_server.get("/api/v1/services").status_code == 200
    wait_until(lambda: streams(shared_server) == 0)
    with watching(shared_server.http) as stream:
        store(shared_server, request("room", [1]))
        assert len(stream.spans(1)) == 1
    # How long somebody looks is no time in which a question was answered.
    assert 'question="live"' not in shared_server.get("/metrics").text


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_stops_ends_its_streams(tmp_path):
    """At once, and properly: not when the time for requests under way is over, which uvicorn would say."""
    with ServerProcess(tmp_path / "data") as server, watching(server.http) as stream:
        store(server, request("stop", [1]))
        stream.spans(1)
        assert server.stop() == 0
        assert list(stream) == []
        log = server.log.read_text()
        assert "timeout graceful shutdown exceeded" not in log
        assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_inserts_are_not_numbered_for_ever_when_a_server_ends_while_somebody_watches(tmp_path, number):
    """A server that is told to stop tidies up; after one that is killed, the next one does."""
    server = ServerProcess(tmp_path / "data").start()
    with watching(server.http):
        server.stop(number)
    if number is signal.SIGKILL:
        with ServerProcess(tmp_path / "data") as again:
            assert again.stop() == 0
    statement = "SELECT count() FROM system.tables WHERE engine_full LIKE '%enable_block_number_column%'"
    assert read_back(tmp_path / "data", statement) == [[[0]]]
