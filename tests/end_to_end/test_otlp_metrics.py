"""OTLP metrics: by every door and from stock exporters, into the tables of the Collector's ClickHouse exporter."""

import re
import time
from pathlib import Path

import grpc
import httpx
import pytest
from harness import EXPORT_METRICS, PATIENCE_SECONDS, ServerProcess, read_back, spool_of
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from otlp_over_http import JSON, PROTOBUF, body_of, headers_of
from otlp_requests import SECOND

SCHEMA = Path(__file__).parents[2] / "docs" / "schema.md"
KINDS = ("gauge", "sum", "histogram", "exp_histogram", "summary")
DOORS = ("grpc", PROTOBUF, JSON)


def send(server: ServerProcess, *bodies: bytes) -> list[ExportMetricsServiceResponse]:
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary(EXPORT_METRICS, response_deserializer=ExportMetricsServiceResponse.FromString)
        return [call(body, timeout=PATIENCE_SECONDS) for body in bodies]


def post(server: ServerProcess, content: bytes, media_type: str) -> httpx.Response:
    return httpx.post(f"http://{server.http}/v1/metrics", content=content, headers=headers_of(media_type), timeout=60)


def request_of(service: str, now: int) -> ExportMetricsServiceRequest:
    """One point of every kind, with everything that a point can have, and two of the gauge."""
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add(schema_url="https://resource.example")
    resource_metrics.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    scope_metrics = resource_metrics.scope_metrics.add(schema_url="https://scope.example")
    scope_metrics.scope.name, scope_metrics.scope.version = "meter", "2"
    scope_metrics.scope.dropped_attributes_count = 3
    scope_metrics.scope.attributes.append(KeyValue(key="library", value=AnyValue(bool_value=True)))
    listed = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a/b"), AnyValue(int_value=1)]))
    common = {
        "attributes": [KeyValue(key="k", value=AnyValue(int_value=5)), KeyValue(key="list", value=listed)],
        "start_time_unix_nano": now - SECOND,
        "time_unix_nano": now,
        "flags": 1,
    }

    def metric(name: str):
        return scope_metrics.metrics.add(name=name, description=f"about {name}", unit="s")

    gauge = metric("gauge").gauge
    exemplar = gauge.data_points.add(as_int=-7, **common).exemplars.add(
        time_unix_nano=now - 5, as_int=9, span_id=b"s" * 8, trace_id=b"t" * 16
    )
    exemplar.filtered_attributes.append(KeyValue(key="f", value=AnyValue(double_value=0.5)))
    gauge.data_points.add(as_double=0.25, **common | {"attributes": []})
    total = metric("sum").sum
    total.aggregation_temporality, total.is_monotonic = 2, True
    total.data_points.add(as_double=1.5, **common)
    histogram = metric("histogram").histogram
    histogram.aggregation_temporality = 1
    histogram.data_points.add(
        count=6, sum=7.5, min=0.5, max=3, bucket_counts=[1, 2, 3], explicit_bounds=[1.0, 2.0], **common
    )
    exponential = metric("exp_histogram").exponential_histogram
    exponential.aggregation_temporality = 2
    point = exponential.data_points.add(count=13, sum=-1, scale=-2, zero_count=4, min=-3, max=8, **common)
    point.positive.offset, point.negative.offset = -3, 4
    point.positive.bucket_counts.extend([1, 300, 2])
    point.negative.bucket_counts.extend([6])
    summary = metric("summary").summary.data_points.add(count=4, sum=8, **common)
    summary.quantile_values.add(quantile=0.5, value=2)
    summary.quantile_values.add(quantile=0.99, value=3)
    return message


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """(when the points were made, rows by kind and door)"""
    directory = tmp_path_factory.mktemp("metrics") / "data"
    now = time.time_ns()
    sent = {door: request_of(door, now) for door in DOORS}
    with ServerProcess(directory) as server:
        assert send(server, sent["grpc"].SerializeToString()) == [ExportMetricsServiceResponse()]
        for media_type in (PROTOBUF, JSON):
            response = post(server, body_of(sent[media_type], media_type), media_type)
            assert response.status_code == 200
            assert response.content == (b"" if media_type == PROTOBUF else b"{}")
        assert server.stop() == 0
    select = (
        "SELECT * REPLACE (toUnixTimestamp64Nano(StartTimeUnix) AS StartTimeUnix, "
        "toUnixTimestamp64Nano(TimeUnix) AS TimeUnix{more}) FROM otel_metrics_{kind} ORDER BY Attributes"
    )
    exemplars = ", arrayMap(t -> toUnixTimestamp64Nano(t), Exemplars.TimeUnix) AS `Exemplars.TimeUnix`"
    selects = {kind: select.format(kind=kind, more="" if kind == "summary" else exemplars) for kind in KINDS}
    names = [f"SELECT name FROM system.columns WHERE table = 'otel_metrics_{kind}' ORDER BY position" for kind in KINDS]
    found = read_back(directory, *selects.values(), *names)
    rows: dict[tuple[str, str], list[dict[str, object]]] = {}
    for kind, table, columns in zip(KINDS, found, found[len(KINDS) :], strict=False):
        for row in table:
            named = dict(zip((name for (name,) in columns), row, strict=True))
            rows.setdefault((kind, str(named["ServiceName"])), []).append(named)
    return now, rows


# What each kind has besides what all have.
NO_EXEMPLARS = {f"Exemplars.{name}": [] for name in ("FilteredAttributes", "TimeUnix", "Value", "SpanId", "TraceId")}
OWN = {
    "gauge": {
        "Value": -7.0,
        "Exemplars.FilteredAttributes": [{"f": "0.5"}],
        "Exemplars.TimeUnix": ["5 ns before"],
        "Exemplars.Value": [9.0],
        "Exemplars.SpanId": ["73" * 8],
        "Exemplars.TraceId": ["74" * 16],
    },
    "sum": {"Value": 1.5, "AggregationTemporality": 2, "IsMonotonic": True, **NO_EXEMPLARS},
    "histogram": {
        "Count": 6,
        "Sum": 7.5,
        "BucketCounts": [1, 2, 3],
        "ExplicitBounds": [1.0, 2.0],
        "Min": 0.5,
        "Max": 3.0,
        "AggregationTemporality": 1,
        **NO_EXEMPLARS,
    },
    "exp_histogram": {
        "Count": 13,
        "Sum": -1.0,
        "Scale": -2,
        "ZeroCount": 4,
        "PositiveOffset": -3,
        "PositiveBucketCounts": [1, 300, 2],
        "NegativeOffset": 4,
        "NegativeBucketCounts": [6],
        "Min": -3.0,
        "Max": 8.0,
        "AggregationTemporality": 2,
        **NO_EXEMPLARS,
    },
    "summary": {"Count": 4, "Sum": 8.0, "ValueAtQuantiles.Quantile": [0.5, 0.99], "ValueAtQuantiles.Value": [2.0, 3.0]},
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_point_is_in_the_column_of_the_collectors_exporter(story, kind, door):
    now, rows = story
    *others, row = rows[kind, door]
    assert len(others) == (1 if kind == "gauge" else 0)
    expected = OWN[kind]
    if kind == "gauge":
        expected = {**expected, "Exemplars.TimeUnix": [now - 5]}
    assert row == {
        "ResourceAttributes": {"service.name": door},
        "ResourceSchemaUrl": "https://resource.example",
        "ScopeName": "meter",
        "ScopeVersion": "2",
        "ScopeAttributes": {"library": "true"},
        "ScopeDroppedAttrCount": 3,
        "ScopeSchemaUrl": "https://scope.example",
        "ServiceName": door,
        "MetricName": kind,
        "MetricDescription": f"about {kind}",
        "MetricUnit": "s",
        "Attributes": {"k": "5", "list": '["a/b",1]'},
        "StartTimeUnix": now - SECOND,
        "TimeUnix": now,
        "Flags": 1,
        **expected,
    }


def test_a_point_beside_another_of_its_metric_is_a_row_of_its_own(story):
    _, rows = story
    other, _ = rows["gauge", "grpc"]
    assert (other["Value"], other["Attributes"], other["Exemplars.Value"]) == (0.25, {}, [])


# What is done to a point, by kind, and the reason that it is refused for.
WRONG = {
    "no time": ("gauge", {"time_unix_nano": 0}, "no time_unix_nano"),
    "last century": ("sum", {"time_unix_nano": 1}, "made too long ago"),
    "next month": ("summary", {"time_unix_nano": time.time_ns() + 31 * 86400 * SECOND}, "made in the future"),
    "too many buckets": ("histogram", {"bucket_counts": [1, 2, 3, 4]}, "bucket_counts do not fit explicit_bounds"),
    "bounds of nothing": ("histogram", {"bucket_counts": []}, "bucket_counts do not fit explicit_bounds"),
}


def test_points_that_cannot_be_right_are_refused_one_by_one_counted_and_kept(tmp_path):
    """metrics.proto: a point has a time; a histogram has one bucket more than bounds. The others are stored."""
    bodies = []
    for service, (kind, fields, _) in WRONG.items():
        message = request_of(service, time.time_ns())
        metric = message.resource_metrics[0].scope_metrics[0].metrics[KINDS.index(kind)]
        point = getattr(metric, str(metric.WhichOneof("data"))).data_points[0]
        for name, value in fields.items():
            point.ClearField(name)
            if isinstance(value, list):
                getattr(point, name).extend(value)
            else:
                setattr(point, name, value)
        bodies.append(message.SerializeToString())
    with ServerProcess(tmp_path / "data") as server:
        answers = send(server, *bodies)
        assert server.stop() == 0
    with ServerProcess(tmp_path / "data") as server:
        assert send(server, *bodies) == answers  # who asks again hears the same, and nothing is stored twice
        assert server.stop() == 0
    for answer, (_, _, reason) in zip(answers, WRONG.values(), strict=True):
        assert answer.partial_success.rejected_data_points == 1
        assert reason in answer.partial_success.error_message
    refused, *stored = read_back(
        tmp_path / "data",
        "SELECT ServiceName, Signal, SpanName, Reason FROM spanhouse_rejected",
        *(f"SELECT count() FROM otel_metrics_{kind}" for kind in KINDS),
    )
    assert {row[0]: row[1:] for row in refused} == {
        service: ["metrics", kind, reason] for service, (kind, _, reason) in WRONG.items()
    }
    assert [count for ((count,),) in stored] == [9, 4, 3, 5, 4]


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_the_stock_exporters_deliver_unchanged(tmp_path, transport):
    """Every instrument of the SDK, through its own reader: counters, gauges, histograms of both kinds."""
    with ServerProcess(tmp_path / "data") as server:
        exporter = (
            GrpcMetricExporter(endpoint=f"http://{server.grpc}", insecure=True, timeout=PATIENCE_SECONDS)
            if transport == "grpc"
            else HttpMetricExporter(endpoint=f"http://{server.http}/v1/metrics", timeout=PATIENCE_SECONDS)
        )
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        exponential = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
        provider = MeterProvider([reader], Resource({"service.name": "stock"}), views=[exponential])
        meter = provider.get_meter("stock.scope", "1.2.3")
        meter.create_counter("requests").add(3, {"method": "GET"})
        meter.create_up_down_counter("active").add(-2)
        meter.create_gauge("temperature").set(36.6)
        for value in (0.1, 0.2, 40.0):
            meter.create_histogram("explicit", unit="s").record(value)
            meter.create_histogram("exponential", unit="ms").record(value)
        provider.shutdown()
        assert server.stop() == 0
    sums, gauges, explicit, exponentials = read_back(
        tmp_path / "data",
        "SELECT MetricName, Value, IsMonotonic, AggregationTemporality, Attributes FROM otel_metrics_sum ORDER BY 1",
        "SELECT MetricName, Value, ServiceName, ScopeName, ScopeVersion FROM otel_metrics_gauge",
        "SELECT MetricName, MetricUnit, Count, round(Sum, 3), Min, Max, arraySum(BucketCounts) "
        "FROM otel_metrics_histogram",
        "SELECT MetricName, MetricUnit, Count, round(Sum, 3), Min, Max, arraySum(PositiveBucketCounts) "
        "FROM otel_metrics_exp_histogram",
    )
    assert sums == [["active", -2.0, False, 2, {}], ["requests", 3.0, True, 2, {"method": "GET"}]]
    assert gauges == [["temperature", 36.6, "stock", "stock.scope", "1.2.3"]]
    assert explicit == [["explicit", "s", 3, 40.3, 0.1, 40.0, 3]]
    assert exponentials == [["exponential", "ms", 3, 40.3, 0.1, 40.0, 3]]


def test_a_bad_request_is_refused_and_the_good_ones_beside_it_are_stored_once(tmp_path):
    """Sent at once and again: a bad one takes nobody with it."""
    good = [request_of(f"good-{number}", time.time_ns()).SerializeToString() for number in range(4)]
    bad = [good[0][:-3], b"\x0a\x07\x12\x05hello", b"\x0a\xff"]
    with ServerProcess(tmp_path / "data") as server:
        codes = server.export(
            good[0], bad[0], good[1], bad[1], good[2], bad[2], good[3], good[0], method=EXPORT_METRICS
        )
        assert [code.name for code in codes] == ["OK", "INVALID_ARGUMENT"] * 3 + ["OK"] * 2
        assert server.export(*good, b"", method=EXPORT_METRICS) == [grpc.StatusCode.OK] * 5
        assert server.stop() == 0
    assert read_back(tmp_path / "data", "SELECT count(), uniqExact(ServiceName) FROM otel_metrics_sum") == [[[4, 4]]]


def test_percentiles_of_histograms_are_bounded_by_the_statements_of_the_documentation(server):
    """docs/schema.md, "Percentiles of metrics in SQL": of a cumulative series only what the hour brought counts.

    A thousand slow calls came before the hour's first point, and a hundred fast ones after it, at another scale.
    """
    blocks = re.findall(r"```sql\n(.*?)```", SCHEMA.read_text(encoding="utf-8"), re.DOTALL)
    (exponential_sql,) = [block for block in blocks if "otel_metrics_exp_histogram" in block]
    (explicit_sql,) = [block for block in blocks if "FROM otel_metrics_histogram" in block]
    now = time.time_ns()
    started = now - 7200 * SECOND
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    resource_metrics.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="shop")))
    scope_metrics = resource_metrics.scope_metrics.add()
    histogram = scope_metrics.metrics.add(name="took", unit="s").histogram
    histogram.aggregation_temporality = 2
    exponential = scope_metrics.metrics.add(name="took", unit="s").exponential_histogram
    exponential.aggregation_temporality = 2
    for at, fast in ((now - 1800 * SECOND, 0), (now - 60 * SECOND, 100)):
        times = {"start_time_unix_nano": started, "time_unix_nano": at, "count": 1000 + fast}
        histogram.data_points.add(bucket_counts=[fast, 0, 1000], explicit_bounds=[0.25, 1.0], **times)
    # Slow is 8 s: bucket 5 at scale 1 (base 2^(1/2)), which is 2 at scale 0 (base 2). Fast is 0.25 s: bucket -3 there.
    before = {"start_time_unix_nano": started, "time_unix_nano": now - 1800 * SECOND, "count": 1000}
    exponential.data_points.add(scale=1, **before).positive.MergeFrom(
        ExponentialHistogramDataPoint.Buckets(offset=5, bucket_counts=[1000])
    )
    after = {"start_time_unix_nano": started, "time_unix_nano": now - 60 * SECOND, "count": 1100}
    exponential.data_points.add(scale=0, **after).positive.MergeFrom(
        ExponentialHistogramDataPoint.Buckets(offset=-3, bucket_counts=[100, 0, 0, 0, 0, 1000])
    )
    assert send(server, message.SerializeToString()) == [ExportMetricsServiceResponse()]
    for sql, bounds in ((exponential_sql, [0.125, 0.25]), (explicit_sql, [None, 0.25])):
        answer = server.get("/api/v1/sql", query=sql, param_metric="took").json()
        (row,) = answer["data"]
        values = list(row.values()) if isinstance(row, dict) else row
        assert values[0] == "shop"
        assert int(values[1]) == 100
        assert values[2:] == bounds


def test_what_waits_in_the_folder_of_metrics_is_taken_in(tmp_path):
    spool = spool_of(tmp_path / "data") / "metrics"
    spool.mkdir(parents=True)
    (spool / "1-1-1.otlp").write_bytes(request_of("spooled", time.time_ns()).SerializeToString())
    with ServerProcess(tmp_path / "data") as server:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while list(spool.glob("*.otlp")) and time.monotonic() < deadline:
            time.sleep(0.05)
        text = server.get("/metrics").text
        assert server.stop() == 0
    assert "spanhouse_data_points_stored_total 6.0" in text
    assert read_back(tmp_path / "data", "SELECT ServiceName FROM otel_metrics_summary") == [[["spooled"]]]
