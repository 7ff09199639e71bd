"""Programs on systems that lack something: no gRPC that loads, or none of what only POSIX has."""

import subprocess
import sys
import time

import pytest
from harness import clean_environment
from otlp_receiver import receiving

from spanhouse_exporter.spool import Spool

PROGRAM = """
import logging, sys, time
{before}
import spanhouse
logging.basicConfig(level=logging.WARNING, format="%(message)s")

@spanhouse.capture
def work():
    pass

started = time.monotonic()
for number in range(3):
    for _ in range(600):
        work()
    assert spanhouse.flush(20)
assert time.monotonic() - started < 8, "waited for what cannot come"
status = spanhouse.exporter_status()
print(status.exported, status.spooled, dict(status.dropped))
"""
NO_GRPC = "sys.modules['grpc'] = None"
NO_POSIX = """
import os, signal
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules[name] = None
del os.register_at_fork, os.fork, os.getuid, os.geteuid, os.O_CLOEXEC, os.O_NOFOLLOW, signal.pthread_sigmask
"""


def run(before: str, endpoint: str, **environ: str) -> tuple[str, list[str]]:
    """(what the program prints, its log)"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(before=before)],
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr.splitlines()


@pytest.mark.parametrize("spool", [True, False])
def test_a_grpc_that_does_not_load_is_final(tmp_path, spool):
    """No attempt can succeed: one notice, no waiting, every span in the spool, or counted where there is none."""
    out, log = run(NO_GRPC, "http://127.0.0.1:9", **({"SPANHOUSE_SPOOL": str(tmp_path / "spool")} if spool else {}))
    assert out == ("0 1800 {}" if spool else "0 0 {'export_failed': 1800}")
    assert sum(entry.item_count for entry in Spool(tmp_path / "spool", 1 << 30).entries()) == 1800 * spool
    assert len(log) == 1
    assert "gRPC cannot be used" in log[0]
    assert ("go to the spool" in log[0]) is spool


def test_the_end_of_a_program_without_grpc(tmp_path):
    """Not flushed, the spans of such a program are in the spool at its end, within the time that an end has."""
    script = "import sys\nsys.modules['grpc'] = None\nimport spanhouse\nwork = spanhouse.capture(len)\n"
    script += "for _ in range(700):\n    work(())\nimport time\nprint(time.time())\n"
    environ = clean_environment(SPANHOUSE_SPOOL=str(tmp_path))
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert time.time() - float(done.stdout) < 5
    assert sum(entry.item_count for entry in Spool(tmp_path, 1 << 30).entries()) == 700


@pytest.mark.parametrize("chosen", [True, False])
def test_without_what_only_posix_has(tmp_path, chosen):
    """As on Windows: everything imports and delivers; a spool that was asked for is declined in one warning."""
    environ = {"SPANHOUSE_SPOOL": str(tmp_path / "spool")} if chosen else {"SPANHOUSE_SPOOL": "", "HOME": str(tmp_path)}
    with receiving() as receiver:
        out, log = run(NO_POSIX, receiver.endpoint, **environ)
        assert out == "1800 0 {}"
        assert len(receiver.spans) == 1800
    assert len(log) == chosen
    assert all("SPANHOUSE_SPOOL" in line and "using no spool" in line for line in log)
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import logging, os, resource
import spanhouse
logging.basicConfig(level=logging.WARNING, format="%(message)s")

@spanhouse.capture
def work():
    pass

work()
spanhouse.flush(20)
{limit}
for _ in range(700):
    work()
assert spanhouse.flush(20)
status = spanhouse.exporter_status()
print(status.spooled + status.exported, dict(status.dropped))
"""


NO_FILE_SIZE = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
NO_DESCRIPTORS = """
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 4096))
held = []
try:
    while True:
        held.append(os.open("/dev/null", 0))
except OSError:
    pass
"""


@pytest.mark.parametrize("limit", [NO_FILE_SIZE, NO_DESCRIPTORS], ids=["file size", "descriptors"])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other limits")
def test_limits_of_the_process(tmp_path, limit):
    """A spool that cannot grow costs one warning and its spans, counted; the program runs on."""
    environ = {"SPANHOUSE_SPOOL": str(tmp_path / "spool"), "OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
    environ["OTEL_BSP_SCHEDULE_DELAY"] = "600000"  # else a round among the 700 makes a file that is small enough
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED.format(limit=limit)],
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1 {'spool_failed': 700}", done.stderr
    log = [line for line in done.stderr.splitlines() if "spanhouse" in line]
    assert len(log) == 1
    assert "SPANHOUSE_SPOOL" in log[0]
    assert "dropped" in log[0]


BAD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "-1",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
    "OTEL_BSP_SCHEDULE_DELAY": "-1",
    "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
    "SPANHOUSE_SPOOL_MAX_BYTES": "-1",
}


def test_a_program_with_nothing_but_bad_values_runs_on(tmp_path):
    """Each costs one warning that names the variable and what is used instead."""
    program = PROGRAM.format(before="logging.basicConfig(level=logging.WARNING, format='%(message)s')")
    program = program.replace("assert spanhouse.flush(20)", "").replace(
        "assert time.monotonic()", "assert True or time"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=clean_environment(SPANHOUSE_SPOOL=str(tmp_path / "spool"), **BAD),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    log = done.stderr.splitlines()
    assert sorted(line.partition("=")[0] for line in log if "using" in line) == sorted(BAD)
