"""The examples of docs/http-api.md and docs/client.md, run against a real server."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest
from data_points import Stream, body, explicit
from doc_pages import DOCS, programs
from harness import EXPORT_LOGS, EXPORT_METRICS, PATIENCE_SECONDS, ServerProcess
from otlp_requests import log_request, request

PROGRAMS = programs("client.md")
# With -N an answer has no end: the live tail's, which has tests of its own.
COMMANDS = re.findall(r"^\$ (curl (?!-N ).*)$", (DOCS / "http-api.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A server with spans, log records and a metric of the last hours."""
    with ServerProcess(tmp_path_factory.mktemp("pages") / "data") as server:
        for hours in (0, 2):
            start_ns = time.time_ns() - (hours * 3600 + 60) * 1_000_000_000
            spans = request("checkout", range(1000, 900_000, 7000), name="shop.buy", start_ns=start_ns)
            server.export(spans.SerializeToString())
        server.export(log_request("checkout", ["Paid", "paid twice"]).SerializeToString(), method=EXPORT_LOGS)
        now = time.time_ns()
        took = Stream("http.server.request.duration", attributes={"http.route": "/buy"})
        took.explicit.append(explicit([0.2, 0.3], now, now - 60 * 1_000_000_000))
        server.export(body(took), method=EXPORT_METRICS)
        yield server


def test_the_pages_have_examples():
    """A page whose examples are not found would pass silently."""
    assert (len(PROGRAMS), len(COMMANDS)) == (5, 8)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda text: str(text.count("\n")))
def test_program_runs(asked, program):
    """Each by itself, warnings being errors, with this server's address for the default one."""
    preface = "import spanhouse\n"
    for name in ("Client", "AsyncClient"):
        preface += (
            f"spanhouse.{name} = lambda *a, real=spanhouse.{name}, **k: real('http://{asked.http}', *a[1:], **k)\n"
        )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", preface + program],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = {
        "sort=": "checkout shop.buy: p99",
        "client.sql(": "((258,),)",
        "asyncio.gather": "1 1\nshop.buy",
        "colour": "filter 1 filter: column 1",
    }
    for part, printed in expected.items():
        if part in program:
            assert printed in done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="the page's commands are curl's")
@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs(asked, tmp_path, command):
    """As it is written, but for the address; --fail makes a refusal an error."""
    words = shlex.split(command.replace("127.0.0.1:4318", asked.http))
    done = subprocess.run(
        [words[0], "--fail", *words[1:]],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if "arrow" in command:
        assert (tmp_path / "spans.arrow").read_bytes().startswith(b"\xff\xff\xff\xff")
    elif "timeline" in command:
        assert re.search(r"^x-record-count: 2\r?$", done.stdout, re.MULTILINE)
    elif "metric" in command:
        (row,) = json.loads(done.stdout)["rows"]
        assert (row["group"], row["count"]) == ({"attr.http.route": "/buy"}, 2)
    elif "logs" in command:
        assert "paid twice" in done.stdout
    elif "-I" in command:
        assert "etag:" in done.stdout
    else:
        assert "shop.buy" in done.stdout or '"calls"' in done.stdout
