"""`spanhouse import-logs` against a real server, and on a directory."""

import json
import subprocess
import time

import pytest
from click.testing import CliRunner
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from otlp_requests import SECOND
from terminal import COMMAND

from spanhouse_backend.cli import cli
from spanhouse_backend.ingest.posted_bodies import MAX_LINE_BYTES

# Recent: what is older than a server keeps is gone at once.
START_NS = time.time_ns() - 3600 * SECOND


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all: each test's records are of a service of its own."""
    with ServerProcess(tmp_path_factory.mktemp("import-logs") / "data") as running:
        yield running


def run(*arguments, input=None):  # noqa: A002 - click's name for it
    return CliRunner().invoke(cli, arguments, env={"SPANHOUSE_SERVER": None}, input=input, prog_name="spanhouse")


def by_itself(*arguments):
    """In a process of its own, which opens the engine: this one may have another directory open."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return done.stdout


def stored(server, columns, where):
    statement = f"SELECT {columns} FROM otel_logs WHERE {where} ORDER BY Timestamp FORMAT JSONCompactEachRow"
    return [json.loads(line) for line in run("sql", statement, "--server", server.grpc).stdout.splitlines()]


def test_records_come_as_if_they_were_posted_and_only_once(server, tmp_path):
    """More lines than one request holds, in their order, each with its fields; a second import stores nothing twice."""
    file = tmp_path / "app.ndjson"
    with file.open("w") as lines:
        for number in range(9_000):
            record = {"time": START_NS + number, "level": 30, "name": "app.stock", "message": f"{number} " + "x" * 200}
            print(json.dumps(record | {"number": number}), file=lines)
    assert file.stat().st_size > 2 << 20
    for _ in range(2):
        shown = run("import-logs", str(file), "--service", "app", "--server", server.grpc)
        assert (shown.exit_code, shown.output) == (0, "Imported 9,000 records.\n")
        assert stored(server, "LogAttributes['number']", "ServiceName = 'app'") == [
            [str(number)] for number in range(9_000)
        ]
    columns = "ServiceName, ScopeName, SeverityText, SeverityNumber, LogAttributes['number']"
    assert stored(server, f"{columns}, toUnixTimestamp64Nano(Timestamp)", "Body LIKE '8999 %'") == [
        ["app", "app.stock", "WARN", 13, "8999", START_NS + 8_999]
    ]


def test_bad_lines_are_named_and_the_others_are_stored(server, tmp_path):
    """By file, line and what is wrong; the exit code is 1. Blank lines are none."""
    file = tmp_path / "some.ndjson"
    long = b'{"message": "' + b"x" * (3 * MAX_LINE_BYTES) + b'"}'
    good = b'{"message": "good"}'
    lines = [good, b"", long, good, b"no JSON", b'{"message": "x", "time": "yesterday"}', good]
    file.write_bytes(b"\n".join(lines))
    shown = run("import-logs", str(file), "--service", "bad", "--server", server.grpc)
    assert shown.exit_code == 1
    assert shown.stdout == "Imported 3 records.\n"
    assert f"3 records were refused: {file}, line 3: the line is longer than {MAX_LINE_BYTES} bytes" in shown.stderr
    assert stored(server, "Body", "ServiceName = 'bad'") == [["good"]] * 3
    shown = run(
        "import-logs", "-", "--server", server.grpc, "--format", "json", input="{}\n" + good.decode() + "\n[]\n"
    )
    assert shown.exit_code == 1
    told = json.loads(shown.stdout)
    assert (told["records"], told["refused"]) == (3, 2)
    assert told["reason"].startswith("-, line 1: ")


def test_lines_that_are_no_json_are_messages_where_that_is_said(server):
    """As with `?raw=1`, in their order."""
    text = 'first\nsecond: [1, 2]\n{"message": "third"}\n'
    shown = run("import-logs", "-", "--raw", "--service", "host", "--server", server.grpc, input=text)
    assert (shown.exit_code, shown.output) == (0, "Imported 3 records.\n")
    assert stored(server, "Body", "ServiceName = 'host'") == [["first"], ["second: [1, 2]"], ["third"]]


def test_events_of_a_stream(tmp_path):
    """Each line is an event; without a server they go into the directory."""
    file = tmp_path / "clicks.ndjson"
    events = [{"user": number, "page": {"path": "/tea"}} for number in range(3)]
    file.write_text("".join(json.dumps(event | {"@time": START_NS + event["user"]}) + "\n" for event in events))
    directory = str(tmp_path / "data")
    assert (
        by_itself("import-logs", str(file), "--stream", "shop.clicks", "--data", directory) == "Imported 3 records.\n"
    )
    statement = "SELECT EventName, Body, toUnixTimestamp64Nano(Timestamp) FROM otel_logs ORDER BY Timestamp FORMAT TSV"
    shown = by_itself("sql", statement, "--data", directory)
    assert [line.split("\t") for line in shown.splitlines()] == [
        ["shop.clicks", json.dumps(event, separators=(",", ":")), str(START_NS + event["user"])] for event in events
    ]


def test_events_are_objects(server):
    """So --raw makes no sense of them."""
    shown = run("import-logs", "-", "--raw", "--stream", "x", "--server", server.grpc, input="text\n")
    assert shown.exit_code == 2
    assert "--stream and --raw exclude each other" in shown.stderr
