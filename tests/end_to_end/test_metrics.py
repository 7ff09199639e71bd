"""GET /metrics of a real server, read as Prometheus reads it, and held against what the database and the docs say."""

import re
import time
from contextlib import suppress
from pathlib import Path

import grpc
import httpx
import pytest
from harness import PATIENCE_SECONDS, ServerProcess, read_back, spool_of
from otlp_requests import request
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from spanhouse_proto.query_pb2 import AskRequest
from spanhouse_proto.query_pb2_grpc import QueryStub
from spanhouse_proto.sql_pb2 import SqlRequest
from spanhouse_proto.sql_pb2_grpc import SqlStub

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def samples(server: ServerProcess) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and its labels' values in the order of the labels' names."""
    families = parse_text(server.get("/metrics").text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def questions(seen: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """How many questions came to what, by door, name and status."""
    return {key[1:]: count for key, count in seen.items() if key[0] == "spanhouse_queries_total"}


def spooled(seen: dict[tuple[str, ...], float]) -> dict[str, float]:
    """How many spool files came to what."""
    return {key[1]: count for key, count in seen.items() if key[0] == "spanhouse_spool_files_total"}


def test_counts_equal_what_the_database_holds(server):
    """Good, repeated, partly refused, malformed, empty and spooled requests: spans stored are the table's rows."""
    good = [request(f"good-{index}", [1000] * 30).SerializeToString() for index in range(20)]
    partly = request("partly", [1000] * 10)
    partly.resource_spans[0].scope_spans[0].spans[3].trace_id = b"short"
    codes = server.export(*good, good[0], partly.SerializeToString(), good[1][:-7], b"")
    assert [code.name for code in codes] == ["OK"] * 22 + ["INVALID_ARGUMENT", "OK"]
    url = f"http://{server.http}/v1/traces"
    web = request("web", [1000] * 5).SerializeToString()
    with httpx.Client(timeout=PATIENCE_SECONDS) as client:
        assert client.post(url, content=web, headers=PROTOBUF).status_code == 200
        assert client.post(url, content=b"no", headers={"Content-Type": "application/json"}).status_code == 400
        assert client.post(url, content=b"no", headers={"Content-Type": "text/html"}).status_code == 415
    spool = spool_of(server.directory)
    spool.mkdir(exist_ok=True)
    for name, body in (("1", request("spooled", [1000] * 3).SerializeToString()), ("2", b"\x0a\xff")):
        (spool / f"{name}.unfinished").write_bytes(body)
        (spool / f"{name}.unfinished").rename(spool / f"{name}.otlp")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(taken_in := spooled(samples(server))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert taken_in == {"stored": 1, "corrupt": 1}
    seen = samples(server)

    assert server.stop() == 0
    ((spans,),), ((rejected,),) = read_back(
        server.directory, "SELECT count() FROM otel_traces", "SELECT count() FROM spanhouse_rejected"
    )
    assert (spans, rejected) == (20 * 30 + 9 + 5 + 3, 1)
    assert seen["spanhouse_spans_stored_total",] == spans
    assert seen["spanhouse_insert_records_sum", "traces"] == spans
    assert seen["spanhouse_spans_rejected_total", "invalid trace_id"] == rejected
    assert seen["spanhouse_spans_received_total",] == spans + rejected
    assert seen["spanhouse_repeated_requests_total",] == 1
    assert seen["spanhouse_insert_requests_sum", "traces"] == 23
    # Labels in order of their names: door, encoding, signal, status.
    assert seen["spanhouse_requests_total", "grpc", "protobuf", "traces", "OK"] == 23
    assert seen["spanhouse_requests_total", "grpc", "protobuf", "traces", "INVALID_ARGUMENT"] == 1
    assert seen["spanhouse_requests_total", "http", "protobuf", "traces", "200"] == 1
    assert seen["spanhouse_requests_total", "http", "json", "traces", "400"] == 1
    assert seen["spanhouse_requests_total", "http", "other", "traces", "415"] == 1
    assert seen["spanhouse_request_bytes_total", "http", "traces"] == len(web) + len(b"no")
    assert seen["spanhouse_acknowledge_seconds_count", "grpc", "traces"] == 23
    assert seen["spanhouse_waiting_bytes",] == seen["spanhouse_waiting_requests",] == 0


def test_questions_are_timed_by_name_and_door(server):
    """A path that is no question, and parameters that differ, make no new series."""
    server.get("/api/v1/functions", since="1h")
    server.get("/api/v1/functions", nonsense="1")
    server.get("/api/v1/trace/" + "1" * 32)
    server.get("/api/v1/invented")
    seen = samples(server)
    assert questions(seen) == {
        ("http", "functions", "200"): 1,
        ("http", "functions", "400"): 1,
        ("http", "trace", "404"): 1,
    }
    assert seen["spanhouse_query_seconds_count", "http", "functions"] == 2


def test_answers_that_are_streamed_over_grpc_are_timed_too(server):
    """By the question that an Ask names, if there is one of that name, and raw SQL as sql; whatever their end."""
    with grpc.insecure_channel(server.grpc) as channel:
        query, raw = QueryStub(channel), SqlStub(channel)
        for question in ("services", "invented"):
            with suppress(grpc.RpcError):
                list(query.Ask(AskRequest(question=question), timeout=PATIENCE_SECONDS))
        for statement in ("SELECT 1", "SELECT 2", "SELEC 1"):
            with suppress(grpc.RpcError):
                list(raw.Run(SqlRequest(statement=statement), timeout=PATIENCE_SECONDS))
    # A call that is refused is counted when gRPC has sent the answer, and so not always before the client has it.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(questions(seen := samples(server)).values()) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert questions(seen) == {
        ("grpc", "services", "OK"): 1,
        ("grpc", "unknown", "NOT_FOUND"): 1,
        ("grpc", "sql", "OK"): 2,
        ("grpc", "sql", "INVALID_ARGUMENT"): 1,
    }
    assert seen["spanhouse_query_seconds_count", "grpc", "sql"] == 3


def test_tables_are_shown_with_their_rows_and_bytes(server):
    """The first scrape after something is stored shows it."""
    assert server.export(request("sized", [1000] * 100).SerializeToString()) == [grpc.StatusCode.OK]
    seen = samples(server)
    assert seen["spanhouse_table_rows", "otel_traces"] == 100
    assert 0 < seen["spanhouse_table_bytes", "otel_traces"] < 1_000_000


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", parse_openmetrics),
        ("*/*", "text/plain", parse_text),
    ],
)
def test_the_format_is_the_one_asked_for(shared_server, accept, content_type, parse):
    """OpenMetrics for whoever asks for it, Prometheus's text for others; both as their own parsers read them."""
    response = httpx.get(f"http://{shared_server.http}/metrics", headers={"Accept": accept}, timeout=PATIENCE_SECONDS)
    assert response.headers["content-type"].startswith(content_type)
    names = {family.name.removesuffix("_total") for family in parse(response.text)}
    assert {"spanhouse_requests", "spanhouse_build", "process_resident_memory_bytes"} <= {
        name.removesuffix("_info") for name in names
    }


def test_the_documentation_names_every_metric_with_its_labels(shared_server):
    """docs/operations.md has a row for each family that /metrics shows, and for nothing else."""
    assert shared_server.export(request("documented", [1000]).SerializeToString()) == [grpc.StatusCode.OK]
    shared_server.get("/api/v1/functions")
    text = shared_server.get("/metrics").text
    shown = set(re.findall(r"^# TYPE (spanhouse_\w+)", text, re.MULTILINE))
    shown = {name for name in shown if not name.endswith("_created")}
    rows = dict(re.findall(r"^\| `(spanhouse_\w+)` \| ([^|]*)\|", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE))
    assert sorted(rows) == sorted(shown)
    labels = {
        sample.name.removesuffix("_bucket"): set(sample.labels) - {"le"}
        for family in parse_text(text)
        for sample in family.samples
    }
    documented = {name: set(row.replace(",", " ").split()) for name, row in rows.items()}
    assert {name: documented[name] for name in documented if name in labels} == {
        name: labels[name] for name in documented if name in labels
    }
