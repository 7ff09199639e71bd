"""Histograms of the OpenTelemetry SDK, sent by its stock exporter: percentiles by REST, client and command line."""

import csv
import io
import math
import random
import subprocess
import sys
import time

import pytest
from data_points import rank
from harness import PATIENCE_SECONDS, ServerProcess, clean_environment
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource

import spanhouse

METRIC = "http.server.request.duration"
LEVELS = (0.5, 0.9, 0.95, 0.99, 0.999)
# What the semantic conventions advise for this metric.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
AGGREGATIONS = {
    "explicit": ExplicitBucketHistogramAggregation(BOUNDS),
    "exponential": ExponentialBucketHistogramAggregation(),
}
TEMPORALITIES = {"delta": AggregationTemporality.DELTA, "cumulative": AggregationTemporality.CUMULATIVE}
EACH = [(aggregation, temporality) for aggregation in AGGREGATIONS for temporality in TEMPORALITIES]


def record(server, service, aggregation, temporality):
    """Two thousand requests on two routes, exported four times meanwhile; gives the seconds by route."""
    exporter = OTLPMetricExporter(
        endpoint=f"http://{server.grpc}",
        insecure=True,
        preferred_temporality={Histogram: TEMPORALITIES[temporality]},
        timeout=PATIENCE_SECONDS,
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    views = [View(instrument_name=METRIC, aggregation=AGGREGATIONS[aggregation])]
    provider = MeterProvider([reader], Resource({"service.name": service}), views=views)
    histogram = provider.get_meter("requests").create_histogram(METRIC, unit="s", description="How long they took")
    pick, made = random.Random(service), {"/fast": [], "/slow": []}
    for _ in range(4):
        for _ in range(500):
            route = pick.choice(["/fast", "/slow"])
            seconds = pick.lognormvariate(math.log(0.004 if route == "/fast" else 0.4), 0.8)
            histogram.record(seconds, {"http.route": route})
            made[route].append(seconds)
        assert provider.force_flush(1000 * PATIENCE_SECONDS)
    provider.shutdown()
    return made


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """(the server, the seconds of each service by route)"""
    with ServerProcess(tmp_path_factory.mktemp("metric") / "data") as server:
        made = {}
        for aggregation, temporality in EACH:
            service = f"{aggregation}-{temporality}"
            made[service] = record(server, service, aggregation, temporality)
        yield server, made


def printed(*arguments):
    """What a command prints."""
    command = [sys.executable, "-m", "spanhouse_backend", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(), timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def held(row, values):
    """That a row of the answer is of these values, exactly where that can be, and else within the bucket."""
    assert (row["count"], row["unit"]) == (len(values), "ns")
    assert row["sum"] == pytest.approx(math.fsum(values) * 1e9, rel=1e-9)
    assert row["mean"] == pytest.approx(math.fsum(values) / len(values) * 1e9, rel=1e-9)
    assert (row["min"], row["max"]) == (pytest.approx(min(values) * 1e9), pytest.approx(max(values) * 1e9))
    for level, name in zip(LEVELS, row["percentiles"], strict=True):
        truth = rank(values, level) * 1e9
        assert row["above"][name] <= row["percentiles"][name] <= row["up_to"][name]
        assert row["above"][name] * (1 - 1e-9) <= truth <= row["up_to"][name] * (1 + 1e-9)


@pytest.mark.parametrize(("aggregation", "temporality"), EACH)
def test_percentiles_of_both_aggregations_and_temporalities_are_those_of_what_was_recorded(
    story, aggregation, temporality
):
    """Together, and by route; exponential ones within half of the width of a bucket, which the notes say."""
    server, made = story
    service = f"{aggregation}-{temporality}"
    path, asked = "/api/v1/metric_percentiles", {"name": METRIC, "service": service, "since": "1h"}
    document = server.get(path, **asked).json()
    (row,) = document["rows"]
    values = made[service]["/fast"] + made[service]["/slow"]
    assert (document["source"], document["accuracy"], row["group"]) == ("raw", "bounded", {"service": service})
    held(row, values)
    rows = server.get(path, **asked, group="attr.http.route").json()["rows"]
    assert len(rows) == 2
    for found in rows:
        held(found, made[service][found["group"]["attr.http.route"]])
    if aggregation == "exponential":
        base = max(row["up_to"][name] / row["above"][name] for name in row["above"])
        for level, name in zip(LEVELS, row["percentiles"], strict=True):
            truth = rank(values, level) * 1e9
            assert abs(row["percentiles"][name] - truth) <= (math.sqrt(base) - 1) * truth * (1 + 1e-9)
        assert any("within" in note for note in document["notes"])
    else:
        bounds = {bound * 1e9 for bound in BOUNDS} | {row["min"], row["max"]}
        assert set(row["above"].values()) | set(row["up_to"].values()) <= bounds


def test_all_senders_together_are_a_row_for_each_type(story):
    """Buckets of two kinds cannot be merged; those of one kind are."""
    server, made = story
    rows = server.get("/api/v1/metric_percentiles", name=METRIC, group="none", since="1h").json()["rows"]
    assert {row["type"] for row in rows} == {"histogram", "exponential_histogram"}
    for row in rows:
        kind = "explicit" if row["type"] == "histogram" else "exponential"
        of_kind = (made[f"{kind}-{temporality}"] for temporality in TEMPORALITIES)
        held(row, [value for routes in of_kind for values in routes.values() for value in values])


def test_the_client_and_the_command_line_say_what_rest_says(story):
    server, _ = story
    until = str(time.time_ns())
    asked = {"name": METRIC, "group": "service,attr.http.route", "since": "1h", "until": until}
    document = server.get("/api/v1/metric_percentiles", **asked).json()
    with spanhouse.Client(f"http://{server.http}") as client:
        answer = client.metric_percentiles(METRIC, group=["service", "attr.http.route"], since="1h", until=until)
        (listed,) = client.metrics(service="explicit-delta").rows
    assert [row.percentiles for row in answer.rows] == [row["percentiles"] for row in document["rows"]]
    assert (listed.name, listed.type, listed.unit, listed.points) == (METRIC, "histogram", "s", 8)
    options = ["--server", server.grpc, "--since", "1h", "--until", until, "--group", "service,attr.http.route"]
    text = printed("metric", METRIC, *options, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 8
    for line, row in zip(rows, document["rows"], strict=True):
        assert float(line["p99"]) == row["percentiles"]["p99"]
        assert float(line["p99_above"]) == row["above"]["p99"]
        assert line["attr.http.route"] == row["group"]["attr.http.route"]
    table = printed("metric", METRIC, *options)
    assert "percentiles within the buckets that were recorded" in table
    assert "Note: buckets of exponential histograms are up to" in table
    assert METRIC in printed("metrics", "--server", server.grpc)
    nothing = printed("metric", "no.such", "--server", server.grpc, "--service", "explicit-delta")
    assert nothing.startswith("No values of service explicit-delta of metric no.such are stored. Without --service,")
