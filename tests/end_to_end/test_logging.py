"""What programs log, by our handler and by OpenTelemetry's with our exporter, read back from a real server."""

import json
import re
import subprocess
import sys
import textwrap
from urllib.parse import parse_qs, urlsplit

import pytest
from doc_pages import DOCS, blocks, programs
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment

import spanhouse

PAGE = (DOCS / "logging.md").read_text(encoding="utf-8")
PROGRAM = """
import json, logging, sys
import spanhouse
from opentelemetry import trace

spanhouse.configure(service_name="shop")
logger = logging.getLogger("shop.orders")
logger.addHandler(spanhouse.LogHandler(attributes={"team": "payments"}))
logger.setLevel(logging.DEBUG)

@spanhouse.capture
def buy(user):
    logger.info("order of %s", user, extra={"items": 3, "paid": True, "tags": ["a", 2], "note": {"gift": None}})
    try:
        raise LookupError("tea")
    except LookupError:
        logger.exception("out of stock")
    found = trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}", f"{found.span_id:016x}"

ids = buy("ann")
logger.debug("outside", extra={"otel.event.name": "shop.closed"})
assert spanhouse.flush(60)
print(json.dumps(ids))
"""


def run(text, server, **environ):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.grpc}", **environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows(server, statement):
    with spanhouse.Client(f"http://{server.http}") as client:
        return client.sql(statement).rows


@pytest.fixture(scope="module")
def shop(shared_server):
    """What one run of PROGRAM said: the ids of its trace and of its span."""
    return json.loads(run(PROGRAM, shared_server))


def test_records_are_rows_beside_their_spans(shared_server, shop):
    """Columns and attributes as docs/logging.md has them; the record's span is stored, and its trace has both."""
    trace_id, span_id = shop
    found = rows(
        shared_server,
        "SELECT ScopeName, SeverityNumber, SeverityText, Body, TraceId, SpanId, EventName, LogAttributes FROM otel_logs"
        " WHERE ServiceName = 'shop' ORDER BY Timestamp",
    )
    assert [row[:7] for row in found] == [
        ("shop.orders", 9, "INFO", "order of ann", trace_id, span_id, ""),
        ("shop.orders", 17, "ERROR", "out of stock", trace_id, span_id, ""),
        ("shop.orders", 5, "DEBUG", "outside", "", "", "shop.closed"),
    ]
    info, error, _debug = (row[7] for row in found)
    assert {name: info[name] for name in ("team", "items", "paid", "tags", "note", "code.function.name")} == {
        "team": "payments",
        "items": "3",
        "paid": "true",
        "tags": '["a",2]',
        "note": '{"gift":null}',
        "code.function.name": "buy",
    }
    assert (error["exception.type"], error["exception.message"]) == ("LookupError", "tea")
    assert error["exception.stacktrace"].endswith("LookupError: tea\n")
    spans = rows(
        shared_server, "SELECT TraceId, SpanId, ResourceAttributes FROM otel_traces WHERE SpanName LIKE '%buy'"
    )
    resources = rows(shared_server, "SELECT DISTINCT ResourceAttributes FROM otel_logs WHERE ServiceName = 'shop'")
    assert [(row[0], row[1]) for row in spans] == [(trace_id, span_id)]
    assert resources == tuple((row[2],) for row in spans)
    with spanhouse.Client(f"http://{shared_server.http}") as client:
        of_trace = client.logs(trace_id=trace_id).rows
    assert sorted(row.body for row in of_trace) == ["order of ann", "out of stock"]


def test_the_requests_and_the_statement_of_the_page(shared_server, shop):
    """The curl line and the SQL of docs/logging.md are answered, with what the examples above them have logged."""
    trace_id, _ = shop
    (url,) = re.findall(r"^curl '(.*)'$", PAGE, re.MULTILINE)
    parts = urlsplit(url)
    answer = shared_server.get(parts.path, **dict.fromkeys(parse_qs(parts.query), trace_id))
    assert len(answer.json()["rows"]) == 2
    (statement,) = [block.text for block in blocks(PAGE) if block.language == "sql"]
    assert [row[3] for row in rows(shared_server, statement)] == ["out of stock"]


def test_opentelemetrys_handler_with_our_exporter(shared_server):
    """The other way of the page, as it stands there, as far as the row."""
    (example,) = [text for text in programs("logging.md") if "SpanhouseLogExporter" in text]
    run(example, shared_server, OTEL_SERVICE_NAME="theirs")
    (row,) = rows(
        shared_server,
        "SELECT Body, SeverityText, ScopeName, LogAttributes['left'] FROM otel_logs WHERE ServiceName = 'theirs'",
    )
    assert row == ("stock of tea is low", "WARN", "shop", "2")


def test_records_that_found_no_server_are_there_when_it_is(tmp_path, shared_server):
    """Logged with nobody there, they wait in the spool; the next program that is answered delivers them, once."""
    spool = {"SPANHOUSE_SPOOL": str(tmp_path / "spool"), "OTEL_SERVICE_NAME": "away"}
    text = """
    import logging, spanhouse
    handler = spanhouse.LogHandler()
    logger = logging.getLogger("x")
    logger.addHandler(handler)
    """
    nobody = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:9"}
    many = """
    for number in range(500):
        logger.warning("number %d", number)
    """
    run(text + many, shared_server, **spool, **nobody)
    wait = """
    import time
    logger.warning("here")
    give_up = time.monotonic() + 50
    while handler.status().replayed < 500 and time.monotonic() < give_up:
        time.sleep(0.02)
    """
    run(text + wait, shared_server, **spool)
    assert rows(shared_server, "SELECT count(), uniqExact(Body) FROM otel_logs WHERE ServiceName = 'away'") == (
        (501, 501),
    )


@pytest.fixture
def server(tmp_path):
    """A server on an address of this machine that no other test uses.

    Its port stays free while it is down: others get theirs on 127.0.0.1, and a client's end is there, too.
    """
    with ServerProcess(tmp_path / "data", "--grpc", "127.0.0.17:0") as process:
        yield process


def test_a_server_that_is_killed_and_comes_back(tmp_path, server):
    """A program logs on while its server is killed and started again: every record once."""
    program = """
    import logging, sys, time, spanhouse
    handler = spanhouse.LogHandler()
    logger = logging.getLogger("x")
    logger.addHandler(handler)
    for number in range(300):
        logger.warning("number %d", number)
    assert handler.flush(50)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(300, 600):
        logger.warning("number %d", number)
    print("logged", flush=True)
    sys.stdin.readline()
    give_up = time.monotonic() + 50
    while time.monotonic() < give_up:
        handler.flush(5)
        found = handler.status()
        if found.exported + found.replayed >= 600:
            break
        time.sleep(0.1)
    print(found)
    """
    environ = clean_environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.grpc}",
        OTEL_EXPORTER_OTLP_TIMEOUT="500",
        SPANHOUSE_SPOOL=str(tmp_path / "spool"),
    )
    command = [sys.executable, "-c", textwrap.dedent(program)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environ, **pipes) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            server.process.kill()
            server.process.wait()
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "logged\n"
            server._arguments = ("--grpc", server.grpc)
            server.start()
            said, _ = process.communicate("\n", timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0
    found = rows(server, "SELECT count(), uniqExact(Body) FROM otel_logs WHERE ScopeName = 'x'")
    assert found == ((600, 600),), said
