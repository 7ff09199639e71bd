"""Raw SQL through the real server: it stops when the client goes away, and keeps nobody else from anything."""

import threading
import time

import grpc
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess
from otlp_requests import request

ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1e15)"


def _wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_client_that_goes_away_stops_its_statement(server):
    """Long before its limit of 30 s: the next statement is answered at once."""
    url = f"http://{server.http}/api/v1/sql"
    begun = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, content=ENDLESS, timeout=1.0)
    assert httpx.post(url, content="SELECT 1 AS a", timeout=PATIENCE_SECONDS).json()["data"] == [{"a": 1}]
    assert time.monotonic() - begun < 25


def test_spans_are_stored_and_questions_answered_while_sql_takes_all_it_may(server):
    """Endless, huge and hostile statements run for as long as spans come in; every span is there in the end."""
    url = f"http://{server.http}/api/v1/sql"
    statements = [
        ENDLESS,
        "SELECT groupArray(number) FROM numbers(1e10)",
        "SELECT number, count() FROM numbers(1e12) GROUP BY number",
        "SELECT a.number FROM numbers(1e7) a CROSS JOIN numbers(1e7) b",
        "SELECT file('/etc/passwd')",
        "DROP TABLE otel_traces",
    ]
    done, statuses = threading.Event(), []

    def torment(statement):
        with httpx.Client() as client:
            while not done.is_set():
                try:
                    statuses.append(client.post(url, content=statement, timeout=1.0).status_code)
                except httpx.TimeoutException:
                    statuses.append(0)

    threads = [threading.Thread(target=torment, args=(statement,)) for statement in statements]
    for thread in threads:
        thread.start()
    try:
        for batch in range(10):
            message = request("busy", range(1000 + batch, 2000 + batch), name="f")
            assert server.export(message.SerializeToString()) == [grpc.StatusCode.OK]
            (row,) = server.get("/api/v1/functions", service="busy").json()["rows"]
            assert row["calls"] == (batch + 1) * 1000
        _wait_until(lambda: len(statuses) > len(statements))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(statuses) <= {0, 400, 429}
    answer = httpx.post(url, content="SELECT count() AS n FROM otel_traces", timeout=PATIENCE_SECONDS)
    assert answer.json()["data"] == [{"n": 10_000}]
    assert server.stop() == 0


def test_the_limits_can_be_set(tmp_path):
    """Rows and time are options of the server, and the error says which was met."""
    with ServerProcess(tmp_path / "rows", "--sql-max-rows", "10") as server:
        assert len(server.get("/api/v1/sql", query="SELECT number FROM numbers(10)").json()["data"]) == 10
        many = server.get("/api/v1/sql", query="SELECT number FROM numbers(11)")
        assert (many.status_code, "max rows: 10.00" in many.json()["error"]["message"]) == (400, True)
    with ServerProcess(tmp_path / "time", "--sql-timeout", "1s") as server:
        long = server.get("/api/v1/sql", query=ENDLESS)
        assert (long.status_code, "Timeout exceeded" in long.json()["error"]["message"]) == (400, True)
