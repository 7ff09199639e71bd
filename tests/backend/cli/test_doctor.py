"""`spanhouse doctor`: each thing that can be wrong is found, named, and has a way out; what is well exits 0."""

import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import clean_environment, spool_of
from terminal import COMMAND, on_a_terminal, plain

from spanhouse_backend.cli.doctor.directory import look_at_data, look_at_spool
from spanhouse_backend.cli.doctor.exporter import look_at_exporter
from spanhouse_backend.cli.doctor.servers import _clock, look_at_ports
from spanhouse_backend.settings import Address


def diagnose(*arguments, **environment):
    """Exit code, and the findings by what they are about."""
    done = subprocess.run(
        [*COMMAND, "doctor", "--format", "json", *arguments],
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    findings = json.loads(done.stdout)["rows"] if done.stdout else []
    return done.returncode, {finding["what"]: finding for finding in findings}


def test_a_server_that_is_well_has_nothing_wrong(server):
    code, found = diagnose("--server", server.grpc)
    assert code == 0, found
    assert {name: finding["state"] for name, finding in found.items()} == dict.fromkeys(
        ["versions", "server", "clock", "exporter"], "ok"
    )
    assert server.grpc in found["server"]["seen"]


def test_ports_and_directories_of_a_running_server_are_known(server):
    """As `spanhouse serve` would have them, were it started with the same variables."""
    where = {"SPANHOUSE_GRPC": server.grpc, "SPANHOUSE_HTTP": server.http, "SPANHOUSE_DATA": str(server.directory)}
    code, found = diagnose("--data", str(server.directory), **where, SPANHOUSE_SPOOL=str(spool_of(server.directory)))
    assert code == 0, found
    assert found[f"port {server.http.rpartition(':')[2]}"]["seen"] == f"{server.http} is spanhouse, and ready"
    assert (found["data"]["state"], found["data"]["seen"]) == ("ok", f"{server.directory} is yours alone")
    assert found["disk"]["state"] == "ok"
    assert "nothing waits" in found["spool"]["seen"]


def test_a_server_that_does_not_answer_is_wrong_when_it_was_named():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        code, found = diagnose("--server", f"127.0.0.1:{bound.getsockname()[1]}")
    assert code == 1
    assert found["server"]["state"] == "wrong"
    assert "no server answers at" in found["server"]["seen"]


def test_the_table_is_coloured_on_a_terminal_and_says_what_to_do(server):
    shown = on_a_terminal(("doctor", "--server", server.grpc), 120)
    assert "\x1b[32m" in shown
    assert [line.split()[0] for line in plain(shown).splitlines() if line.startswith("ok")] == ["ok"] * 4


@pytest.fixture
def stranger():
    """An HTTP server that is not spanhouse."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Address("127.0.0.1", server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_port_that_somebody_else_has_is_wrong(stranger):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        about_free, about_taken = look_at_ports(Address("127.0.0.1", free.getsockname()[1]), stranger)
    assert about_free.seen.endswith("is free")
    assert (about_taken.state, about_taken.seen) == ("wrong", f"what listens at {stranger} is not spanhouse")
    assert "serve --http" in about_taken.advice


@pytest.mark.parametrize(
    ("skew_seconds", "state", "seen"),
    [(0, "ok", "agrees"), (-4, "ok", "agrees"), (60, "wrong", "60s behind"), (-3600, "wrong", "3,600s ahead")],
)
def test_clocks_may_differ_by_seconds_only(skew_seconds, state, seen):
    finding = _clock(skew_seconds * 10**9, 10**7)
    assert finding.state == state
    assert seen in finding.seen


def test_a_directory_that_others_may_use_is_said(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    states = []
    for mode in (0o700, 0o755, 0o777):
        directory.chmod(mode)
        finding = next(look_at_data(directory, 0))
        states.append((finding.state, finding.advice))
    advice = f"keep them out: chmod 700 {directory}"
    assert states == [("ok", ""), ("note", advice), ("wrong", advice)]


def test_a_directory_that_cannot_be_is_wrong(tmp_path):
    (tmp_path / "file").write_text("")
    assert next(look_at_data(tmp_path / "file", 0)).state == "wrong"
    assert next(look_at_data(tmp_path / "new" / "data", 0)).state == "ok"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_is_not_ours_is_wrong(tmp_path):
    tmp_path.chmod(0o500)
    assert next(look_at_data(tmp_path / "data", 0)).state == "wrong"
    assert next(look_at_data(tmp_path, 0)).state == "wrong"


def test_a_disk_below_the_floor_is_wrong(tmp_path):
    states = [list(look_at_data(tmp_path, floor))[1].state for floor in (0, 1 << 60)]
    assert states == ["ok", "wrong"]


def test_what_waits_in_the_spool_is_wrong_only_while_somebody_should_take_it(tmp_path):
    spool = tmp_path / "spool"
    assert [finding.state for finding in look_at_spool(spool, server_answers=True)] == ["ok"]
    spool.mkdir()
    waiting = spool / f"{1:020}-1-0.otlp"
    waiting.write_bytes(b"x" * 1000)
    (fresh,) = look_at_spool(spool, server_answers=True)
    assert (fresh.state, fresh.seen.partition(" in ")[0]) == ("note", "1 request waits")
    os.utime(waiting, (time.time() - 3600,) * 2)
    (stale,) = look_at_spool(spool, server_answers=True)
    assert (stale.state, "--spool" in stale.advice) == ("wrong", True)
    (left,) = look_at_spool(spool, server_answers=False)
    assert (left.state, "spanhouse top" in left.advice) == ("note", True)
    (spool / "corrupt").mkdir()
    (spool / "corrupt" / "bad.otlp").write_bytes(b"")
    assert next(look_at_spool(spool, server_answers=False)).state == "wrong"


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_environment_that_says_nothing_or_the_right_thing_is_well(listening):
    assert [finding.state for finding in look_at_exporter({})] == ["ok"]
    good = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{listening}", "OTEL_EXPORTER_OTLP_HEADERS": "a=b,c=d"}
    (finding,) = look_at_exporter(good)
    assert (finding.state, finding.seen) == ("ok", "set are OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS")
    bare = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": listening}
    assert [finding.state for finding in look_at_exporter(bare)] == ["ok"]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED"),
        ({"SPANHOUSE_ENABLED": "0"}, "SPANHOUSE_ENABLED"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER=console"),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "OTEL_TRACES_SAMPLER"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "thrift"}, "OTEL_EXPORTER_OTLP_PROTOCOL=thrift"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://127.0.0.1:21"}, "ftp://127.0.0.1:21 is no endpoint"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:x"}, "http://127.0.0.1:x is no endpoint"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "usual port of OTLP over http, but grpc is spoken"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://LISTENING", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "has no path",
        ),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer s3cret"}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}, "no file /nowhere/ca.pem"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "5s"}, "OTEL_BSP_SCHEDULE_DELAY=5s"),
    ],
)
def test_what_keeps_spans_away_is_named_with_a_way_out(listening, environment, named):
    asked = {name: value.replace("LISTENING", listening) for name, value in environment.items()}
    wrong = [finding for finding in look_at_exporter(asked) if finding.state == "wrong"]
    assert named in " ".join(finding.seen for finding in wrong)
    assert all(finding.advice for finding in wrong)
    assert "s3cret" not in str(wrong)  # a token is not shown to whoever looks over a shoulder


def test_an_endpoint_where_nobody_listens_is_wrong():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{bound.getsockname()[1]}"
        (finding,) = look_at_exporter({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert (finding.state, finding.seen) == ("wrong", f"nobody listens at OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}")


def test_a_share_of_traces_is_no_fault_but_said():
    sampled = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    note, ok = look_at_exporter(sampled)
    assert (note.state, ok.state) == ("note", "ok")
    assert "a share of 0.1" in note.seen
