"""The client's spool and the server together: what a program leaves behind is stored once, whoever brings it."""

import contextlib
import json
import subprocess
import sys
import time

from harness import PATIENCE_SECONDS, ServerProcess, clean_environment, read_back
from held_ports import held_port

PROGRAM = """
import sys, time
import spanhouse
spanhouse.configure(service_name="survivor")

@spanhouse.capture
def work():
    pass

for _ in range(int(sys.argv[1])):
    work()
if len(sys.argv) > 2:
    give_up = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < give_up:
        for _ in range(100):
            work()
        time.sleep(0.01)
status = spanhouse.exporter_status()
print(spanhouse.stats(work).calls)
"""


def environment(tmp_path, endpoint: str) -> dict[str, str]:
    return clean_environment(SPANHOUSE_SPOOL=str(tmp_path / "spool"), OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)


def stored(server: ServerProcess) -> int:
    rows = server.get("/api/v1/functions", service="survivor").json()["rows"]
    return sum(row["calls"] for row in rows)


def test_a_script_and_then_top_with_nothing_started(tmp_path):
    """`python script.py; spanhouse top`: the calls of the script, without a server before or after."""
    environ = environment(tmp_path, "http://127.0.0.1:9")
    subprocess.run([sys.executable, "-c", PROGRAM, "2048"], env=environ, check=True, capture_output=True, timeout=60)
    command = [sys.executable, "-m", "spanhouse_backend", "top", "--data", str(tmp_path / "data"), "--format", "json"]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert [row["calls"] for row in json.loads(done.stdout)["rows"]] == [2048]


def test_a_server_that_is_killed_and_restarted_under_load(tmp_path):
    """Acknowledged, retried, spooled and replayed spans together: as many stored as were made, none twice."""
    first = ServerProcess(tmp_path / "data").start()
    environ = environment(tmp_path, f"http://{first.grpc}") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "700"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "100", "8"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2.5)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    second = ServerProcess(tmp_path / "data", "--grpc", first.grpc, "--spool", str(tmp_path / "spool"))
    with contextlib.ExitStack() as stack:
        with held_port(first.grpc):
            time.sleep(2.5)
            stack.enter_context(second)
        out, err = program.communicate(timeout=PATIENCE_SECONDS)
        assert program.returncode == 0, err
        made = int(out)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (found := stored(second)) < made and time.monotonic() < give_up:
            time.sleep(0.1)
        assert found == made
        time.sleep(2.5)  # the server looks into the spool every two seconds: nothing comes a second time
        assert stored(second) == made


LOGGING = """
import logging, sys
import spanhouse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from spanhouse_exporter.log_exporter import SpanhouseLogExporter
spanhouse.configure(service_name="survivor")
provider = LoggerProvider(shutdown_on_exit=False)
exporter = SpanhouseLogExporter()
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))

@spanhouse.capture
def work():
    provider.get_logger("app").emit(body="in work")

for _ in range(3):
    work()
    provider.force_flush()
provider.shutdown()
spanhouse.shutdown(20)
status = exporter.status()
print(status.failed, status.spooled)
"""


def test_logs_and_spans_of_a_server_that_was_away_arrive_by_the_spool(tmp_path):
    """What a program left for it is stored with what the next program sends, each of its own signal, and once."""
    spool = tmp_path / "spool"
    command = [sys.executable, "-c", LOGGING]
    away = environment(tmp_path, "http://127.0.0.1:9") | {"OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
    done = subprocess.run(command, env=away, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.stdout == "0 3\n"
    assert list((spool / "logs").glob("*.otlp"))
    with ServerProcess(tmp_path / "data", "--spool", str(spool)) as server:
        there = environment(tmp_path, f"http://{server.grpc}")
        done = subprocess.run(command, env=there, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert done.stdout == "0 0\n"
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (stored(server) < 6 or list(spool.glob("**/*.otlp"))) and time.monotonic() < give_up:
            time.sleep(0.1)
        assert stored(server) == 6
        assert server.stop() == 0
    assert read_back(tmp_path / "data", "SELECT count(), uniqExact(Timestamp), any(Body) FROM otel_logs") == [
        [[6, 6, "in work"]]
    ]
