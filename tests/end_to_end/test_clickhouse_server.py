"""A ClickHouse server as the store: what is promised of the embedded engine holds there, whatever the network does."""

import functools
import os
import signal
import threading
import time
from collections.abc import Iterator

import grpc
import httpx
import pytest
from clickhouse_servers import PASSWORD, ClickHouse, Door, Fault, Proxy, spanhouse_on
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess
from otlp_requests import request

SPANS = 20
COUNTS = (
    "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName",
    "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName",
    "SELECT ServiceName, sum(Calls) FROM span_durations_1h GROUP BY ServiceName",
    "SELECT ServiceName, toUInt64(round(sum(DurationSquares) / 1e6)) FROM span_stats_1m GROUP BY ServiceName",
    "SELECT ServiceName, toUInt64(round(sum(DurationSquares) / 1e6)) FROM span_stats_1h GROUP BY ServiceName",
)


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory) -> Iterator[Door]:
    """The port of another spanhouse for the module; each test has a database of its own."""
    with Door(tmp_path_factory.mktemp("clickhouse") / "door") as server:
        yield server


def counts(clickhouse: ClickHouse | Door, database: str) -> dict[object, object]:
    """Spans by service, the same from the raw table and from every rollup."""
    raw, *rollups = (dict(clickhouse.rows(database, sql)) for sql in COUNTS)
    assert rollups == [raw] * len(rollups)
    return raw


@functools.cache
def body_of(service: str) -> bytes:
    """The same bytes whenever it is asked: a request that is sent again."""
    return request(service, [1000] * SPANS).SerializeToString()


def export_until_stored(server: ServerProcess, *bodies: bytes) -> None:
    """As OTLP's clients do: sends the same bytes again while the server says that it is worth trying."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    left = list(bodies)
    while left:
        codes = server.export(*left)
        assert {code.name for code in codes} <= {"OK", "UNAVAILABLE"}
        left = [body for body, code in zip(left, codes, strict=True) if code != grpc.StatusCode.OK]
        assert time.monotonic() < deadline


def ready(server: ServerProcess) -> int:
    return server.get("/readyz").status_code


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_spans_go_in_and_answers_come_out_and_a_restart_knows_what_was_stored(clickhouse, tmp_path):
    """The database is made; questions, formats, SQL, retention and deleting work; nothing says the password."""
    server = spanhouse_on(clickhouse.url("whole"), tmp_path, "whole")
    with server:
        assert [code.name for code in server.export(body_of("first"), body_of("second"))] == ["OK", "OK"]
        functions = server.get("/api/v1/functions", since="1h").json()
        assert {(row["service"], row["calls"], row["p99_ns"]) for row in functions["rows"]} == {
            ("first", SPANS, 1000),
            ("second", SPANS, 1000),
        }
        arrow = server.get("/api/v1/functions", since="1h", format="arrow").content
        assert arrow[:4] == b"\xff" * 4  # how a stream of Arrow messages begins
        counted = server.get("/api/v1/sql", query="SELECT count() AS n FROM otel_traces", format="csv")
        assert counted.text == f'"n"\n{2 * SPANS}\n'
        change = f"http://{server.http}/api/v1/admin/retention?spans=3d"
        assert httpx.patch(change, timeout=PATIENCE_SECONDS).json()["retention"]["spans"] == "3d"
        trace = functions["rows"][0]["slowest_trace_id"]
        assert len(server.get(f"/api/v1/trace/{trace}").json()["rows"]) == 1
        kept = f"http://{server.http}/api/v1/admin/spans?since=1h&service=second"
        assert httpx.delete(kept, timeout=PATIENCE_SECONDS).json()["deleted"] == SPANS
        assert server.get("/readyz").status_code == 200
        assert server.stop() == 0
        said = server.log.read_text()
        assert PASSWORD not in said
        assert "keeps spans in http://otel@127.0.0.1:" in said
    assert not (tmp_path / "whole").exists()
    with server:
        assert [code.name for code in server.export(body_of("first"))] == ["OK"]
        assert server.get("/api/v1/admin/retention").json()["retention"]["spans"] == "3d"
    assert clickhouse.rows("whole", COUNTS[0]) == [("first", SPANS)]
    assert dict(clickhouse.rows("whole", COUNTS[1])) == {"first": SPANS, "second": SPANS}


def test_namespaces_are_databases_of_the_same_server(clickhouse, tmp_path):
    """One named after the namespace beside the one of the URL; raw SQL reaches neither the other, nor `default`."""
    shop = {"x-spanhouse-namespace": "shop"}
    with spanhouse_on(clickhouse.url("parted"), tmp_path, "parted", "--namespaces", "shop") as server:
        url = f"http://{server.http}"
        headers = shop | {"Content-Type": "application/x-protobuf"}
        sent = httpx.post(f"{url}/v1/traces", content=body_of("bought"), headers=headers, timeout=PATIENCE_SECONDS)
        assert sent.status_code == 200
        assert [code.name for code in server.export(body_of("first"))] == ["OK"]
        for asked, there in ((shop, "bought"), ({}, "first")):
            rows = httpx.get(f"{url}/api/v1/functions?since=1h", headers=asked, timeout=PATIENCE_SECONDS).json()["rows"]
            assert [row["service"] for row in rows] == [there]
            for database in ("default", "parted" if asked else "parted_shop"):
                query = {"query": f"SELECT count() FROM {database}.otel_traces"}
                refused = httpx.get(f"{url}/api/v1/sql", params=query, headers=asked, timeout=PATIENCE_SECONDS)
                assert (refused.status_code, "not open to SQL" in refused.text) == (400, True)
    assert counts(clickhouse, "parted") == {"first": SPANS}
    assert counts(clickhouse, "parted_shop") == {"bought": SPANS}


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize(
    "marker",
    [b"INSERT INTO spanhouse_inflight", b"INSERT INTO otlp_traces_landing", b"INSERT INTO spanhouse_batches"],
    ids=["claim", "insert", "note"],
)
def test_whatever_is_cut_off_is_stored_once(clickhouse, tmp_path, marker, how):
    """The connection goes before a statement arrives, or before its answer does; the client's bytes are stored once."""
    database = f"cut_{how}_{marker[-5:].decode()}"
    with Proxy(clickhouse.port) as proxy, spanhouse_on(clickhouse.url(database, proxy.port), tmp_path, "cut") as server:
        fault = Fault(marker, how, times=3)
        with proxy.having(fault):
            export_until_stored(server, body_of("cut"))
        assert fault.happened.is_set()
        export_until_stored(server, body_of("cut"), body_of("later"))
        wait_until(lambda: ready(server) == 200)
    assert counts(clickhouse, database) == {"cut": SPANS, "later": SPANS}


def test_an_answer_that_comes_too_late_is_not_waited_for_and_the_group_is_stored_once(clickhouse, tmp_path):
    """The engine has stored it; the server gives up waiting, says so, finds out, and answers the next time."""
    with Proxy(clickhouse.port) as proxy:
        url = clickhouse.url("late", proxy.port)
        with spanhouse_on(url, tmp_path, "late", "--clickhouse-timeout", "2s") as server:
            fault = Fault(b"INSERT INTO otlp_traces_landing", "hold")
            with proxy.having(fault):
                assert [code.name for code in server.export(body_of("late"))] == ["UNAVAILABLE"]
                export_until_stored(server, body_of("late"))
    assert counts(clickhouse, "late") == {"late": SPANS}


def test_several_servers_are_sent_the_same_requests_and_store_each_once(clickhouse, tmp_path):
    """At the same time and one after the other, each server answers OK for what any of them has stored."""
    bodies = [body_of(f"shared-{number}") for number in range(30)]
    url = clickhouse.url("shared")
    with spanhouse_on(url, tmp_path, "one") as one, spanhouse_on(url, tmp_path, "two") as two:
        threads = [
            threading.Thread(target=export_until_stored, args=(server, *bodies)) for server in (one, two, one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        export_until_stored(two, body_of("after"))
        export_until_stored(one, body_of("after"))
    assert counts(clickhouse, "shared") == {f"shared-{number}": SPANS for number in range(30)} | {"after": SPANS}


def test_servers_started_at_once_make_one_schema(clickhouse, tmp_path):
    """On an empty database: one makes it, the others wait, and all take spans."""
    url = clickhouse.url("at_once")
    servers = [spanhouse_on(url, tmp_path, f"at-once-{number}") for number in range(3)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        for number, server in enumerate(servers):
            export_until_stored(server, body_of(f"from-{number}"))
    finally:
        for server in servers:
            server.stop()
    assert counts(clickhouse, "at_once") == {f"from-{number}": SPANS for number in range(3)}
    made = clickhouse.rows("at_once", "SELECT count() FROM spanhouse_migrations WHERE Finished")
    assert made == [(1,)]


@pytest.mark.skipif(
    "SPANHOUSE_CHAOS_ROUNDS" not in os.environ,
    reason="waits for a lease of a minute: for make chaos; store/test_shared_journal.py has shorter ones",
)
def test_a_server_killed_half_way_is_finished_by_another(clickhouse, tmp_path):
    """Kill -9 while the insert's answer is on its way: the request, sent to another server, waits and is stored once.

    The other one is asked at once, so it finds the claim of the dead server, and takes it over when its lease is over.
    """
    with Proxy(clickhouse.port) as proxy:
        fault = Fault(b"INSERT INTO otlp_traces_landing", "hold")
        with (
            spanhouse_on(clickhouse.url("killed", proxy.port), tmp_path, "killed") as dying,
            spanhouse_on(clickhouse.url("killed"), tmp_path, "heir") as heir,
            proxy.having(fault),
            grpc.insecure_channel(dying.grpc) as channel,
        ):
            sent = channel.unary_unary(EXPORT).future(body_of("inherited"), timeout=PATIENCE_SECONDS)
            assert fault.happened.wait(PATIENCE_SECONDS)
            dying.stop(signal.SIGKILL)
            assert sent.code() == grpc.StatusCode.UNAVAILABLE
            with grpc.insecure_channel(heir.grpc) as other:
                other.unary_unary(EXPORT)(body_of("inherited"), timeout=3 * PATIENCE_SECONDS)
    assert counts(clickhouse, "killed") == {"inherited": SPANS}


def test_a_clickhouse_that_goes_away_and_comes_back_needs_no_restart(tmp_path):
    """Readiness follows; requests are refused as worth trying again, and then stored; questions are answered again."""
    with ClickHouse(tmp_path / "engine") as clickhouse:
        with spanhouse_on(clickhouse.url("back"), tmp_path, "back") as server:
            export_until_stored(server, body_of("before"))
            clickhouse.kill()
            wait_until(lambda: ready(server) == 503)
            assert "ClickHouse does not answer: " in server.get("/readyz").text
            assert [code.name for code in server.export(body_of("meanwhile"))] == ["UNAVAILABLE"]
            assert server.get("/api/v1/functions", since="1h").status_code == 503
            clickhouse.start()
            wait_until(lambda: ready(server) == 200)
            export_until_stored(server, body_of("meanwhile"))
            rows = server.get("/api/v1/functions", since="1h").json()["rows"]
            assert {row["service"] for row in rows} == {"before", "meanwhile"}
        assert counts(clickhouse, "back") == {"before": SPANS, "meanwhile": SPANS}
