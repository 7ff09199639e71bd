"""The server's life: ready, stopped, killed, started twice, and started where it cannot be."""

import json
import signal
import socket
import subprocess

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command, stored_spans
from otlp_requests import request

GOOD = request("life", [1000, 2000]).SerializeToString()


def refused(*arguments: str, directory) -> subprocess.CompletedProcess[str]:
    """A server that is expected not to start."""
    command = serve_command(directory, *arguments)
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=clean_environment(), check=False
    )


def test_sigterm_ends_it_cleanly_and_takes_the_ready_file_away(server):
    ready = json.loads(server.ready_file.read_text())
    assert sorted(ready) == ["grpc", "http", "pid"]
    assert server.export(GOOD) == [grpc.StatusCode.OK]
    assert server.stop(signal.SIGTERM) == 0
    assert not server.ready_file.exists()
    assert "Ready." in server.log.read_text()
    assert "Traceback" not in server.log.read_text()
    assert len(stored_spans(server.directory, "SpanId")) == 2


def test_interrupt_ends_it_as_cleanly(server):
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.log.read_text()


def test_requests_under_way_at_sigterm_are_answered(server):
    """Whatever was acknowledged is stored; whatever was stored late is still acknowledged or cleanly refused."""
    options = [("grpc.enable_retries", 0)]
    with grpc.insecure_channel(server.grpc, options=options) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        futures = [
            call.future(request(f"late-{index}", [1] * 50).SerializeToString(), timeout=PATIENCE_SECONDS)
            for index in range(40)
        ]
        futures[0].result()
        assert server.stop() == 0
        codes = [future.code() for future in futures]
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    stored = stored_spans(server.directory, "ServiceName, count() AS Spans", "1 GROUP BY ServiceName, Timestamp")
    kept = {row["ServiceName"] for row in stored}
    assert {f"late-{index}" for index, code in enumerate(codes) if code is grpc.StatusCode.OK} <= kept


def test_killed_at_once_after_the_acknowledgement_nothing_is_lost(server):
    for index in range(5):
        assert server.export(request(f"killed-{index}", [1000]).SerializeToString()) == [grpc.StatusCode.OK]
    server.stop(signal.SIGKILL)
    with ServerProcess(server.directory) as again:
        assert again.stop() == 0
    names = {row["ServiceName"] for row in stored_spans(server.directory, "ServiceName")}
    assert names == {f"killed-{index}" for index in range(5)}


def test_a_second_server_names_the_first_and_where_to_ask_it(server):
    done = refused(directory=server.directory)
    assert done.returncode == 1
    assert f"process {server.process.pid}" in done.stderr
    assert f"--server {server.grpc}" in done.stderr
    assert f"http://{server.http}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_servers_directory_is_free_again(server):
    server.stop(signal.SIGKILL)
    with ServerProcess(server.directory) as again:
        assert again.export(GOOD) == [grpc.StatusCode.OK]


def test_a_data_directory_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("not a directory")
    done = refused(directory=path)
    assert done.returncode == 1
    assert f"cannot use the data directory {path}" in done.stderr
    assert "--data" in done.stderr
    assert path.read_text() == "not a directory"


def test_a_damaged_data_directory_is_refused_with_its_path(tmp_path):
    """What the engine cannot open is reported as such, and left alone."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "engine").write_text("in the way")
    done = refused(directory=directory)
    assert done.returncode == 1
    assert f"cannot open the data directory {directory}" in done.stderr
    assert "Traceback" not in done.stderr
    assert (directory / "engine").read_text() == "in the way"


@pytest.mark.parametrize("option", ["--grpc", "--http"])
def test_a_taken_port_is_refused_by_its_option(tmp_path, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = refused(option, address, directory=tmp_path / "data")
    assert done.returncode == 2
    assert f"{option}: cannot listen on {address}" in done.stderr


def test_an_address_beyond_loopback_needs_to_be_asked_for_by_name(tmp_path):
    done = refused("--http", "0.0.0.0:0", directory=tmp_path / "data")
    assert done.returncode == 2
    assert "--insecure-listen" in done.stderr
    assert not (tmp_path / "data").exists()


def test_health_is_served(shared_server):
    with grpc.insecure_channel(shared_server.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
