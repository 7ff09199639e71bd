"""`spanhouse copy`: from a data directory to a ClickHouse that is in use, each row once, run as often as may be."""

import subprocess
import sys
import time
from uuid import uuid4

import grpc
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, spool_of
from otlp_requests import SECOND, request

from spanhouse_backend.namespace import HEADER

DAY_NS = 86400 * SECOND
SPANS = 50
"""Of each request."""


NOW_NS = time.time_ns()
"""Of all requests: what is sent some seconds later is of the same day, also at midnight."""


def days_ago(days: int, service: str = "moved") -> bytes:
    start = NOW_NS - days * DAY_NS
    return request(service, [1000] * SPANS, start_ns=start, seed=days).SerializeToString()


class Target:
    """A database of a ClickHouse server in place of which is another spanhouse's port for ClickHouse's clients."""

    def __init__(self, clickhouse: ServerProcess, database: str) -> None:
        self._address = clickhouse.clickhouse_http
        self.database = database
        self.url = f"http://{self._address}/{database}"

    def asked(self, sql: str, database: str = "") -> str:
        """Its answer, TabSeparated."""
        answer = httpx.post(
            f"http://{self._address}",
            params={"database": database or self.database},
            content=sql,
            timeout=PATIENCE_SECONDS,
        )
        return answer.raise_for_status().text


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory):
    """One for all tests here, each of which has a database of its own."""
    writes = ("--clickhouse-http", "127.0.0.1:0", "--clickhouse-http-writes", "on")
    with ServerProcess(tmp_path_factory.mktemp("clickhouse") / "data", *writes) as server:
        yield server


@pytest.fixture
def target(tmp_path, clickhouse):
    """A database, and a spanhouse server that keeps its spans there."""
    made = Target(clickhouse, f"moved_to_{uuid4().hex}")
    with ServerProcess(tmp_path / "served", "--clickhouse", made.url) as server:
        yield made, server


@pytest.fixture
def sent():
    """Requests of today, yesterday and the day before."""
    return [days_ago(days) for days in range(3)]


@pytest.fixture
def source(tmp_path, sent):
    """A directory with those, that no server has any more."""
    directory = tmp_path / "source"
    with ServerProcess(directory) as server:
        assert set(server.export(*sent)) == {grpc.StatusCode.OK}
        assert server.stop() == 0
    return directory


def started(directory, target, *more: str) -> subprocess.Popen[str]:
    arguments = ["--data", str(directory), "--spool", str(spool_of(directory)), "--to", target.url, *more]
    return subprocess.Popen(
        [sys.executable, "-m", "spanhouse_backend", "copy", *arguments],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], returncode: int = 0) -> tuple[str, str]:
    """What it wrote: output, errors."""
    output, errors = process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert process.returncode == returncode, errors
    return output, errors


def copied(directory, target) -> dict[str, tuple[int, int]]:
    """Runs a copy; rows there and rows of an earlier run, by table."""
    output, _ = finished(started(directory, target))
    rows = [line.split() for line in output.splitlines()[1:]]
    return {table: (int(there.replace(",", "")), int(earlier.replace(",", ""))) for table, there, earlier in rows}


def calls(server: ServerProcess, **window: str) -> dict[str, int]:
    rows = server.get("/api/v1/functions", since="10d", **window).raise_for_status().json()["rows"]
    return {row["service"]: row["calls"] for row in rows}


def handed_over(clickhouse: Target) -> bool:
    """Whether a copy has come as far as its first partition."""
    if not clickhouse.asked("SHOW TABLES LIKE 'spanhouse_copied'"):
        return False
    return clickhouse.asked("SELECT count() FROM spanhouse_copied WHERE HandedOver") != "0\n"


def test_a_server_that_is_in_use_gets_what_a_directory_held_once(source, target, sent):
    """Spans that come in meanwhile are kept beside them; rollups count each span once; a second run adds nothing."""
    clickhouse, server = target
    assert server.export(days_ago(0, "new")) == [grpc.StatusCode.OK]
    first = copied(source, clickhouse)
    assert first["otel_traces"] == (3 * SPANS, 0)
    assert server.export(days_ago(1, "new")) == [grpc.StatusCode.OK]
    assert calls(server) == calls(server, exact="true") == {"moved": 3 * SPANS, "new": 2 * SPANS}
    again = copied(source, clickhouse)
    assert again["otel_traces"] == (3 * SPANS, 3 * SPANS)
    assert first.keys() == again.keys()
    assert all(rows == earlier for rows, earlier in again.values())
    assert calls(server) == calls(server, exact="true") == {"moved": 3 * SPANS, "new": 2 * SPANS}
    # A request that was stored before the move is known after it.
    assert server.export(sent[2]) == [grpc.StatusCode.OK]
    assert calls(server, exact="true")["moved"] == 3 * SPANS


def test_a_copy_that_was_killed_goes_on_where_it_was(source, target):
    """Whatever it had handed over stays, and nothing of it comes twice; what it left beside the tables goes."""
    clickhouse, server = target
    with started(source, clickhouse) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not handed_over(clickhouse):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    rows = copied(source, clickhouse)
    assert rows["otel_traces"][0] == 3 * SPANS
    assert any(earlier for _, earlier in rows.values())
    assert calls(server) == calls(server, exact="true") == {"moved": 3 * SPANS}
    assert clickhouse.asked("SHOW TABLES LIKE 'spanhouse_copy_of%'") == ""


def test_a_directory_that_has_more_since_is_not_mixed_with_what_was_copied(source, target):
    """What came after a partition was copied cannot be added to it: the error says what to do, and nothing changes."""
    clickhouse, server = target
    copied(source, clickhouse)
    with ServerProcess(source) as old:
        assert old.export(days_ago(0, "late")) == [grpc.StatusCode.OK]
        old.stop()
    _, errors = finished(started(source, clickhouse), returncode=1)
    assert "that came after its copy was begun" in errors
    assert calls(server) == {"moved": 3 * SPANS}


def test_each_namespace_is_a_copy_of_its_own(tmp_path, target):
    """To the database that a server has it in; whoever copies the others is told that it is not among them."""
    clickhouse, _ = target
    directory = tmp_path / "source"
    with ServerProcess(directory, "--namespaces", "shop") as old:
        assert old.export(days_ago(0, "outside")) == [grpc.StatusCode.OK]
        assert old.export(days_ago(0, "inside"), metadata=((HEADER, "shop"),)) == [grpc.StatusCode.OK]
        old.stop()
    services = "SELECT ServiceName, count() FROM otel_traces GROUP BY ALL"
    output, errors = finished(started(directory, clickhouse))
    assert "otel_traces" in output
    assert "Not copied: the namespaces shop" in errors
    assert clickhouse.asked(services) == f"outside\t{SPANS}\n"
    _, errors = finished(started(directory, clickhouse, "--namespace", "shop"))
    assert "Not copied" not in errors
    assert clickhouse.asked(services, f"{clickhouse.database}_shop") == f"inside\t{SPANS}\n"
    assert clickhouse.asked(services) == f"outside\t{SPANS}\n"
    _, errors = finished(started(directory, clickhouse, "--namespace", "shpo"), returncode=1)
    assert "has no namespace shpo; it has shop" in errors
