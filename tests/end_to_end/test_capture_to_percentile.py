"""The main job: a decorated program in a process of its own, and its percentiles from the backend."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment

EXAMPLES = Path(__file__).parents[2] / "examples"


def spanhouse(*arguments: str) -> str:
    """What the command line prints."""
    command = [sys.executable, "-m", "spanhouse_backend", *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=clean_environment()
    )
    return done.stdout


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """(the running server, what the survey says it did)"""
    folder = tmp_path_factory.mktemp("survey")
    report = folder / "report.json"
    with ServerProcess(folder / "data") as server:
        environment = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.grpc}")
        command = [sys.executable, str(EXAMPLES / "stdlib_survey.py"), "--limit", "60", "--report", str(report)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield server, json.loads(report.read_text())


def rows_by_function(rows):
    return {row["name"].rpartition(".")[2]: row for row in rows}


def test_every_captured_call_is_stored(survey):
    """The program counts its own calls; exporter and backend must have come to the same number."""
    server, report = survey
    rows = server.get("/api/v1/functions", service="stdlib-survey").json()["rows"]
    assert report["modules"] == 60
    assert report["calls"] == report["exported"] == sum(row["calls"] for row in rows) > 1000
    assert report["dropped"] == 0
    assert rows_by_function(rows)["survey_module"]["calls"] == 60


def test_calls_that_raised_are_errors(survey):
    server, _ = survey
    functions = rows_by_function(server.get("/api/v1/functions").json()["rows"])
    assert 0 < functions["literal_value"]["errors"] < functions["literal_value"]["calls"]
    assert functions["tokenize_source"]["errors"] == 0


def test_percentiles_are_in_order_and_within_the_extremes(survey):
    server, _ = survey
    for row in server.get("/api/v1/functions").json()["rows"]:
        levels = [row[f"{name}_ns"] for name in ("min", "p50", "p90", "p95", "p99", "p999", "max")]
        assert levels == sorted(levels)
        assert row["min_ns"] > 0
        assert row["min_ns"] <= row["mean_ns"] <= row["max_ns"]
        assert row["total_ns"] == pytest.approx(row["mean_ns"] * row["calls"], rel=1e-9)


def test_the_command_line_rest_and_csv_agree(survey):
    server, _ = survey
    rest = server.get("/api/v1/functions").json()["rows"]
    printed = json.loads(spanhouse("top", "--server", server.grpc, "--format", "json"))["rows"]
    table = list(csv.DictReader(io.StringIO(spanhouse("top", "--server", server.grpc, "--format", "csv"))))
    # The engine adds floating point in any order: the last digit of what is a root of a sum may differ.
    errors = [[row.pop("stderr_ns") for row in rows] for rows in (printed, rest)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)
    assert printed == rest
    assert [(row["name"], int(row["p99_ns"])) for row in table] == [(row["name"], row["p99_ns"]) for row in rest]


def test_calls_nest_three_deep_in_one_trace(survey):
    """The slowest module's trace: every span but the root has its parent in the trace, and lies within it."""
    server, _ = survey
    slowest = rows_by_function(server.get("/api/v1/functions").json()["rows"])["survey_module"]["slowest_trace_id"]
    spans = {span["span_id"]: span for span in server.get(f"/api/v1/trace/{slowest}").json()["rows"]}
    depth = {}
    for span in spans.values():  # in order of start: a parent comes before its children
        parent = spans.get(span["parent_span_id"])
        depth[span["span_id"]] = 0 if parent is None else depth[parent["span_id"]] + 1
        if parent is not None:
            assert parent["start_unix_ns"] <= span["start_unix_ns"]
            ends = [one["start_unix_ns"] + one["duration_ns"] for one in (parent, span)]
            assert ends[1] <= ends[0]
    names = {span["name"].rpartition(".")[2]: depth[span["span_id"]] for span in spans.values()}
    assert names["survey_module"] == 0
    assert names["compile_module"] == 1
    assert names["compile_statement"] == 2
    assert list(depth.values()).count(0) == 1


def test_the_demo_ends_well():
    """What `make demo` runs, from its first line to its exit code."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")],
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE_SECONDS,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "captured" in done.stdout
    assert " = stored " in done.stdout
    assert "compile_statement" in done.stdout
