"""Whatever the OpenAPI description allows, and much that it does not, is answered as the description says."""

import re
import subprocess
import sys
import time

import httpx
import pytest
from harness import PATIENCE_SECONDS
from otlp_requests import request

# Not that valid requests are accepted: a filter or a time is text to JSON Schema, and a small language here. Nor which
# methods a refusal names: Starlette says those of one route, where a path has several.
UNCHECKED = "positive_data_acceptance,allow_header_conformance"


def test_schemathesis_finds_nothing(shared_server):
    """No 5xx, no undocumented status, media type or field, for every operation; seeded, so that it can be repeated."""
    stored = request("openapi", range(1000, 9000, 700), name="f", start_ns=time.time_ns() - 60_000_000_000)
    shared_server.export(stored.SerializeToString())
    command = [sys.executable, "-c", "import schemathesis.cli; schemathesis.cli.schemathesis()", "run"]
    command += [f"http://{shared_server.http}/openapi.json", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", "3", "--seed", "1", "--workers", "2", "--request-timeout", str(PATIENCE_SECONDS)]
    command += ["--exclude-path", "/api/v1/live"]  # which does not end; it has tests of its own
    command += ["--checks", "all", "--exclude-checks", UNCHECKED]
    command += ["--continue-on-failure", "--no-color"]
    done = subprocess.run(
        command, cwd=shared_server.directory.parent, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    # A run that asked nothing would pass, too.
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert cases, done.stdout
    assert int(cases[1]) == int(cases[2]) > 500
    assert shared_server.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/v1/wishes", 404), ("POST", "/api/v1/functions", 405)]
)
def test_what_is_not_there_is_refused_as_all_else_is(shared_server, method, path, status):
    """In the one form that the API's errors have."""
    response = httpx.request(method, f"http://{shared_server.http}{path}", timeout=PATIENCE_SECONDS)
    assert response.status_code == status
    assert response.json()["error"].keys() == {"parameter", "message"}
    assert response.headers.get("allow") == ("GET" if status == 405 else None)


def test_a_head_request_has_the_headers_alone(shared_server):
    """Those of the GET, with its length and no body."""
    path = f"http://{shared_server.http}/api/v1/services?since=2020-01-01&until=2020-01-02"
    got, head = httpx.get(path, timeout=PATIENCE_SECONDS), httpx.head(path, timeout=PATIENCE_SECONDS)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "x-record-count", "cache-control", "vary"):
        assert head.headers[name] == got.headers[name]


def test_who_asks_with_head_is_told_why_not_too(shared_server):
    """In a header, on one line of ASCII that no proxy minds, whatever the parameter was."""
    path = f"http://{shared_server.http}/api/v1/services"
    for parameters in ({"since": "yester\nday ✗"}, {"x" * 3_000: "1"}, {"filter": "service=" + "x" * 5_000}):
        got, head = (
            httpx.request(method, path, params=parameters, timeout=PATIENCE_SECONDS) for method in ("GET", "HEAD")
        )
        assert (head.status_code, head.content) == (got.status_code, b"") == (400, b"")
        said = head.headers["x-error-message"]
        words = got.json()["error"]["message"].encode("ascii", "backslashreplace").decode()
        assert said == " ".join(words.split())[:1000]
        assert len(said) > 20
