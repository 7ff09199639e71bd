"""The README's programs, run: with no server, and with one."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from held_ports import held_port
from otlp_requests import request

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to while the test runs."""
    with held_port() as port:
        yield f"127.0.0.1:{port}"


def test_the_plain_script_and_then_top(tmp_path, nowhere):
    """`python report.py; spanhouse top`, with nothing started."""
    script = PROGRAMS[0]
    (tmp_path / "report.py").write_text(script)
    environment = clean_environment(
        XDG_DATA_HOME=str(tmp_path / "home"),
        SPANHOUSE_DATA=str(tmp_path / "home" / "spanhouse"),
        SPANHOUSE_SPOOL=str(tmp_path / "home" / "spanhouse" / "spool"),
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{nowhere}",
    )
    commands = [[sys.executable, "report.py"], [sys.executable, "-m", "spanhouse_backend", "top", "--format", "csv"]]
    for command in commands:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "report,report.build_report,1,0," in done.stdout


def test_asking_from_python(tmp_path):
    """The other program, against a server that holds a slow call and a quick one."""
    asking = PROGRAMS[1]
    with ServerProcess(tmp_path / "data") as server:
        calls = [request("slow", [10**8], name="slow"), request("quick", [10**6], name="quick")]
        assert {code.name for code in server.export(*(call.SerializeToString() for call in calls))} == {"OK"}
        assert "http://127.0.0.1:4318" in asking
        program = asking.replace("127.0.0.1:4318", server.http)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("slow 1 100000000\n", "")


def test_logs_and_events(tmp_path):
    """The third program: what it logs and puts is on the server when it has ended."""
    with ServerProcess(tmp_path / "data") as server:
        program = PROGRAMS[2].replace("127.0.0.1:4318", server.http)
        environment = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.grpc}")
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert (done.stdout, done.stderr) == ("['/tea']\n", "")
        ((record,), (event,)) = (
            server.get("/api/v1/logs", filter=name).json()["rows"] for name in ("scope=shop", "event")
        )
    assert (record["body"], record["severity"], record["attributes"]["items"]) == ("order of ann", "INFO", "3")
    assert (event["event"], event["attributes"]["user"]) == ("shop.clicks", "40")
