"""`spanhouse export`, `import` and `sql` against a real server, and on directories."""

import json
import subprocess
import time

import grpc
import pytest
from click.testing import CliRunner
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_requests import SECOND, request
from terminal import COMMAND

from spanhouse_backend.cli import cli

# Recent: what is older than a server keeps is gone at once.
START_NS = time.time_ns() - 3600 * SECOND
COLUMNS = "* EXCEPT (SpanAttributes, ResourceAttributes), mapSort(SpanAttributes), mapSort(ResourceAttributes)"
EVERY_ROW = f"SELECT {COLUMNS} FROM otel_traces ORDER BY Timestamp, SpanId FORMAT JSONCompactEachRow"


def everything_a_span_can_have() -> ExportTraceServiceRequest:
    """Odd names and values, events, links, a parent, states, every kind and status; two resources and scopes."""
    message = request(
        "odd é \x1b 漢字",
        [0, 1, 2**40],
        name='a "quoted"\nname',
        start_ns=START_NS + 123,
        attributes={
            "text": AnyValue(string_value='\\ \' \t {"a": 1}'),
            "whole": AnyValue(int_value=-(2**63)),
            "list": AnyValue(array_value=ArrayValue(values=[AnyValue(bool_value=True), AnyValue(double_value=0.1)])),
        },
    )
    for kind in range(6):
        other = request(f"kind{kind}", [1000], start_ns=START_NS + kind, seed=kind).resource_spans[0]
        other.scope_spans[0].scope.name = f"scope{kind % 2}"
        span = other.scope_spans[0].spans[0]
        span.kind = kind
        span.status.code, span.status.message = kind % 3, "said" if kind % 3 == Status.STATUS_CODE_ERROR else ""
        span.trace_state = "vendor=1"
        span.parent_span_id = bytes(range(8))
        event = Span.Event(name="exception", time_unix_nano=START_NS + 7)
        event.attributes.append(KeyValue(key="exception.type", value=AnyValue(string_value="ValueError")))
        span.events.extend([event, Span.Event(name="other", time_unix_nano=START_NS)])
        span.links.append(Span.Link(trace_id=b"L" * 16, span_id=b"l" * 8, trace_state="other=2"))
        message.resource_spans.append(other)
    return message


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server with some spans, more than one request's worth."""
    with ServerProcess(tmp_path_factory.mktemp("full") / "data") as server:
        many = request("many", [1000] * 1200, start_ns=START_NS + 1_000_000)
        messages = (everything_a_span_can_have(), many)
        statuses = server.export(*(message.SerializeToString() for message in messages))
        assert statuses == [grpc.StatusCode.OK] * 2, server.log.read_text()
        yield server


def run(*arguments, input=None):  # noqa: A002 - click's name for it
    return CliRunner().invoke(cli, arguments, env={"SPANHOUSE_SERVER": None}, input=input, prog_name="spanhouse")


def rows(server):
    return run("sql", EVERY_ROW, "--server", server.grpc).stdout.splitlines()


@pytest.mark.parametrize("name", ["spans.parquet", "spans.jsonl", "odd [*] name?.parquet"])
def test_what_is_exported_and_imported_is_the_same_row_for_row(full, server, tmp_path, name):
    """Every column of every span; and a second import of the file stores nothing twice."""
    file = str(tmp_path / name)
    shown = run("export", file, "--server", full.grpc)
    assert (shown.exit_code, shown.stdout) == (0, ""), shown.output
    assert shown.stderr == f"Exported 1,209 spans to {file}.\n"
    assert len(rows(full)) == 1209
    for _ in range(2):
        shown = run("import", file, "--server", server.grpc)
        assert (shown.exit_code, shown.output) == (0, "Imported 1,209 spans.\n")
        assert rows(server) == rows(full)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(name)] == [name]


def test_a_parquet_file_has_the_columns_of_the_table(full, tmp_path):
    """Whatever reads otel_traces can read it: here, pyarrow."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "spans.parquet"
    assert run("export", str(file), "--server", full.grpc, "--filter", "service=many").exit_code == 0
    described = run("sql", "DESCRIBE otel_traces", "--format", "TSV", "--server", full.grpc).stdout.splitlines()
    assert sorted(parquet.read_schema(file).names) == sorted(line.split("\t")[0] for line in described)
    assert parquet.read_table(file).num_rows == 1200


def test_lines_of_otlp_are_what_any_receiver_takes(full, server):
    """Each line of standard output is a request of OTLP/HTTP in JSON, in order of time."""
    import httpx  # noqa: PLC0415

    shown = run("export", "-", "--server", full.grpc, "--filter", "service!=many")
    lines = shown.stdout.splitlines()
    assert [len(json.loads(line)["resourceSpans"]) for line in lines] == [7]
    for line in lines:
        answer = httpx.post(
            f"http://{server.http}/v1/traces",
            content=line.encode(),
            headers={"content-type": "application/json"},
            timeout=PATIENCE_SECONDS,
        )
        assert (answer.status_code, answer.json()) == (200, {})
    assert len(rows(server)) == 9


def test_import_makes_a_directory_and_export_reads_it(full, tmp_path):
    """No server anywhere: processes of their own on a data directory, connected by a pipe."""
    exported = run("export", "-", "--server", full.grpc).stdout
    directory = str(tmp_path / "data")
    for _ in range(2):
        done = subprocess.run(
            [*COMMAND, "import", "-", "--data", directory],
            input=exported,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "Imported 1,209 spans.\n"), done.stderr
    done = subprocess.run(
        [*COMMAND, "export", "-", "--data", directory],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert done.stdout == exported


def test_a_file_that_is_there_is_not_written_over(full, tmp_path):
    file = tmp_path / "kept.jsonl"
    file.write_text("mine")
    shown = run("export", str(file), "--server", full.grpc)
    assert shown.exit_code == 2
    assert "is there already" in shown.stderr
    assert file.read_text() == "mine"
    assert run("export", str(file), "--server", full.grpc, "--force").exit_code == 0
    assert file.read_text().startswith('{"resourceSpans"')


def test_a_failed_export_leaves_nothing_behind(tmp_path, full):
    shown = run("export", str(tmp_path / "missing" / "spans.parquet"), "--server", full.grpc)
    assert shown.exit_code == 1
    assert "cannot write" in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "a.jsonl",
            '\n{"resourceSpans": [{"resource": 1}]}',
            "a.jsonl, line 2: this is no OTLP request: resourceSpans",
        ),
        ("b.jsonl", "{", "b.jsonl, line 1: this is no OTLP request: not JSON"),
        ("c.parquet", "PAR1 no", "c.parquet is no Parquet file with the columns of otel_traces: "),
    ],
)
def test_what_cannot_be_imported_is_named(full, tmp_path, name, content, complaint):
    file = tmp_path / name
    file.write_text(content)
    shown = run("import", str(file), "--server", full.grpc)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert complaint in shown.stderr
    assert "Traceback" not in shown.stderr


def test_refused_spans_are_counted_and_exit_1(full, tmp_path):
    file = tmp_path / "bad.jsonl"
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "startTimeUnixNano": "5", "endTimeUnixNano": "4"}
    file.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    shown = run("import", str(file), "--server", full.grpc)
    assert (shown.exit_code, shown.stdout) == (1, "Imported 0 spans.\n")
    assert "1 span was refused: " in shown.stderr


def test_sql_prints_a_table_or_whatever_format_is_asked_for(full):
    statement = "SELECT ServiceName, count() AS spans FROM otel_traces WHERE ServiceName = {service:String} GROUP BY 1"
    asked = ("sql", statement, "--param", "service=many", "--server", full.grpc)
    assert [line.split() for line in run(*asked).stdout.splitlines()] == [["ServiceName", "spans"], ["many", "1200"]]
    assert json.loads(run(*asked, "--format", "json").stdout)["data"] == [{"ServiceName": "many", "spans": 1200}]
    assert run(*asked, "--format", "csv").stdout == '"ServiceName","spans"\n"many",1200\n'
    assert run("sql", "--server", full.grpc, "--format", "TSV", input="SELECT 1 + 1").stdout == "2\n"
    assert run("sql", "SELECT 5 AS five FORMAT Vertical", "--server", full.grpc).stdout.split() == [
        *["Row", "1:", "──────", "five:", "5"]
    ]


def test_a_large_answer_of_sql_comes_whole(full):
    """More than one message of gRPC's can hold."""
    shown = run("sql", "SELECT number, repeat('x', 100) FROM numbers(100000)", "--format", "csv", "--server", full.grpc)
    lines = shown.stdout.splitlines()
    assert len(lines) == 100_001
    assert lines[-1].startswith("99999,")


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [("SELEC 1", "query: Syntax error"), ("DROP TABLE otel_traces", "only SELECT"), ("SELECT nothing", "nothing")],
)
def test_a_statement_that_is_wrong_exits_2(full, statement, complaint):
    shown = run("sql", statement, "--server", full.grpc)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert complaint in shown.stderr
