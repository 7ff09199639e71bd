"""Retention, with a real server and a real engine: what is too old goes, rollups outlive spans, ingest goes on."""

import json
import subprocess
import sys
import threading
import time

import grpc
import httpx
import pytest
from click.testing import CliRunner
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import SECOND, request

from spanhouse_backend.cli import cli
from spanhouse_proto.admin_pb2 import SetRetentionRequest
from spanhouse_proto.admin_pb2_grpc import AdminStub

DAY = 86400
OLD = 20
SPANS = "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName"
CALLS = "SELECT ServiceName, sum(Calls) FROM span_durations_{} GROUP BY ServiceName ORDER BY ServiceName"


def send_old_and_new(server: ServerProcess) -> None:
    """Twenty calls of 10 days ago, one of now."""
    old = request("old", [1000] * OLD, start_ns=time.time_ns() - 10 * DAY * SECOND)
    new = request("new", [1000])
    assert {code.name for code in server.export(old.SerializeToString(), new.SerializeToString())} == {"OK"}


def retention(server: ServerProcess) -> dict:
    return server.get("/api/v1/admin/retention").raise_for_status().json()


def rows(server: ServerProcess) -> dict[str, int]:
    return {table["name"]: table["rows"] for table in retention(server)["tables"]}


def wait_for_rows(server: ServerProcess, table: str, expected: int) -> None:
    """The engine removes what is too old when it gets round to it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while rows(server)[table] != expected:
        assert time.monotonic() < deadline, retention(server)
        time.sleep(0.1)


def command(server: ServerProcess, *arguments: str) -> str:
    shown = CliRunner().invoke(cli, ["retention", "--server", server.grpc, *arguments], env={"SPANHOUSE_DATA": None})
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def test_old_spans_go_while_their_rollups_stay_and_the_change_outlives_the_server(tmp_path):
    """Set under a running server, kept at its next start, and there until an option says otherwise."""
    with ServerProcess(tmp_path / "data") as server:
        send_old_and_new(server)
        kept = {"spans": "30d", "minute": "90d", "hour": "2y", "logs": "30d", "metrics": "30d", "rejected": "30d"}
        assert retention(server)["retention"] == kept
        assert rows(server)["otel_traces"] == OLD + 1
        shown = command(server, "--set", "spans=3d")
        assert [line.split()[:3] for line in shown.splitlines()[1:3]] == [
            ["spans", "3d", "otel_traces"],
            ["spans", "3d", "otel_traces_trace_id_ts"],
        ]
        wait_for_rows(server, "otel_traces", 1)
        wait_for_rows(server, "otel_traces_trace_id_ts", 1)
        assert {row["service"]: row["calls"] for row in server.get("/api/v1/functions").json()["rows"]} == {
            "old": OLD,
            "new": 1,
        }
        server.stop()
    with ServerProcess(tmp_path / "data") as server:
        assert retention(server)["retention"]["spans"] == "3d"
        server.stop()
    with ServerProcess(tmp_path / "data", "--retention", "minute=5d,rejected=forever") as server:
        kept |= {"spans": "3d", "minute": "5d", "rejected": "forever"}
        assert retention(server)["retention"] == kept
        wait_for_rows(server, "span_durations_1m", 1)
        server.stop()
    spans, minutes, hours = read_back(tmp_path / "data", SPANS, CALLS.format("1m"), CALLS.format("1h"))
    assert spans == minutes == [["new", 1]]
    assert hours == [["new", 1], ["old", OLD]]


def test_what_is_too_old_when_it_comes_in_goes_by_a_merge_too(tmp_path):
    """A merge that the test asks for, and only then: after it the parts that were too old are gone, and no others."""
    with ServerProcess(tmp_path / "data", "--retention", "spans=3d,minute=3d") as server:
        send_old_and_new(server)
        server.stop()
    spans, calls = "OPTIMIZE TABLE otel_traces FINAL", "OPTIMIZE TABLE span_durations_1m FINAL"
    found = read_back(tmp_path / "data", spans, calls, SPANS, CALLS.format("1m"), CALLS.format("1h"))
    assert found[2:4] == [[["new", 1]], [["new", 1]]]
    assert found[4] == [["new", 1], ["old", OLD]]


def test_spans_come_in_once_each_while_retention_changes_all_the_time(server):
    """No request waits for the engine to look through its parts, and a request sent again is still known."""
    requests = [request(f"during-{number}", [1000] * 5).SerializeToString() for number in range(40)]
    done = threading.Event()
    changes = []

    def change() -> None:
        with grpc.insecure_channel(server.grpc) as channel:
            admin = AdminStub(channel)
            while not done.is_set():
                age = f"spans={20 + len(changes) % 2}d,minute={40 + len(changes) % 3}d"
                changes.append(admin.SetRetention(SetRetentionRequest(retention=age), timeout=PATIENCE_SECONDS))

    changer = threading.Thread(target=change)
    changer.start()
    try:
        with grpc.insecure_channel(server.grpc) as channel:
            export = channel.unary_unary(EXPORT)
            for body in requests:
                export(body, timeout=PATIENCE_SECONDS)
                export(body, timeout=PATIENCE_SECONDS)
            # Changes may take longer than all of these.
            while len(changes) < 2 and changer.is_alive():
                export(requests[0], timeout=PATIENCE_SECONDS)
    finally:
        done.set()
        changer.join()
    assert len(changes) > 1
    server.stop()
    expected = sorted([f"during-{number}", 5] for number in range(40))
    assert read_back(server.directory, SPANS, CALLS.format("1m"), CALLS.format("1h")) == [expected] * 3


def test_every_face_says_the_same_and_refuses_the_same(shared_server):
    document = retention(shared_server)
    assert json.loads(command(shared_server, "--format", "json"))["retention"] == document["retention"]
    assert (
        command(shared_server, "--format", "csv").splitlines()[0] == "name,kind,rows,bytes_on_disk,oldest_unix_seconds"
    )

    address = f"http://{shared_server.http}/api/v1/admin/retention"
    changed = httpx.patch(address, params={"rejected": "4w", "hour": "forever"}, timeout=PATIENCE_SECONDS)
    assert changed.status_code == 200
    assert changed.json()["retention"] == document["retention"] | {"rejected": "28d", "hour": "forever"}
    assert retention(shared_server)["retention"] == changed.json()["retention"]
    refused = httpx.patch(address, params={"days": "4w"}, timeout=PATIENCE_SECONDS)
    assert (refused.status_code, refused.json()["error"]["parameter"]) == (400, "retention")
    assert "there is no 'days'" in refused.json()["error"]["message"]
    assert httpx.patch(address, timeout=PATIENCE_SECONDS).status_code == 400
    with grpc.insecure_channel(shared_server.grpc) as channel, pytest.raises(grpc.RpcError) as error:
        AdminStub(channel).SetRetention(SetRetentionRequest(retention="days=4w"), timeout=PATIENCE_SECONDS)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details().startswith("retention: there is no 'days'")
    shown = CliRunner().invoke(cli, ["retention", "--server", shared_server.grpc, "--set", "spans=1"])
    assert shown.exit_code == 2
    assert "--set" in shown.stderr


def test_without_a_server_the_data_directory_is_asked(tmp_path):
    """Also changed: the next server keeps what was set."""
    with ServerProcess(tmp_path / "data") as server:
        server.stop()
    arguments = ["retention", "--data", str(tmp_path / "data"), "--set", "spans=2d", "--format", "json"]
    code = "import sys; from spanhouse_backend.cli import cli; cli(sys.argv[1:])"

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["retention"]["spans"] == "2d"
    with ServerProcess(tmp_path / "data") as server:
        assert retention(server)["retention"]["spans"] == "2d"
