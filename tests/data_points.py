"""Histograms as OTLP, made of the very values that they are to hold, so that tests know the exact answers.

A point is made of values by `explicit` or `exponential`, a Stream is the points of one sender, and `body` the request
that sends them.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, HistogramDataPoint

DELTA, CUMULATIVE = 1, 2
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


@dataclass
class Stream:
    """Points of one metric from one sender, in order of time."""

    metric: str
    service: str = "shop"
    unit: str = "s"
    temporality: int = DELTA
    attributes: dict[str, str] = field(default_factory=dict)
    explicit: list[HistogramDataPoint] = field(default_factory=list)
    exponential: list[ExponentialHistogramDataPoint] = field(default_factory=list)


def body(*streams: Stream) -> bytes:
    """The request that sends the points of all of them."""
    message = ExportMetricsServiceRequest()
    for stream in streams:
        resource_metrics = message.resource_metrics.add()
        resource_metrics.resource.attributes.append(_attribute("service.name", stream.service))
        scope_metrics = resource_metrics.scope_metrics.add()
        scope_metrics.scope.name = "meter"
        for kind, points in (("histogram", stream.explicit), ("exponential_histogram", stream.exponential)):
            if points:
                metric = scope_metrics.metrics.add(name=stream.metric, unit=stream.unit, description="about it")
                data = getattr(metric, kind)
                data.aggregation_temporality = stream.temporality
                for point in points:
                    point.attributes.extend(_attribute(name, value) for name, value in stream.attributes.items())
                data.data_points.extend(points)
    return message.SerializeToString()


def explicit(
    values: Sequence[float], at: int, since: int, bounds: Sequence[float] = BOUNDS, *, extremes: bool = True
) -> HistogramDataPoint:
    """A point with explicit bounds, of values counted from `since` until `at`."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect.bisect_left(bounds, value)] += 1
    point = HistogramDataPoint(
        time_unix_nano=at, start_time_unix_nano=since, count=len(values), sum=math.fsum(values),
        bucket_counts=counts, explicit_bounds=bounds,
    )  # fmt: skip
    _say_extremes(point, values, extremes=extremes)
    return point


def exponential(
    values: Sequence[float], at: int, since: int, scale: int = 4, *, extremes: bool = True
) -> ExponentialHistogramDataPoint:
    """A point of an exponential histogram, of values counted from `since` until `at`."""
    point = ExponentialHistogramDataPoint(
        time_unix_nano=at, start_time_unix_nano=since, count=len(values), sum=math.fsum(values), scale=scale,
        zero_count=sum(value == 0 for value in values),
    )  # fmt: skip
    for buckets, sign in ((point.positive, 1), (point.negative, -1)):
        indexes = [index_of(sign * value, scale) for value in values if sign * value > 0]
        if indexes:
            buckets.offset = min(indexes)
            buckets.bucket_counts.extend(indexes.count(index) for index in range(min(indexes), max(indexes) + 1))
    _say_extremes(point, values, extremes=extremes)
    return point


def index_of(value: float, scale: int) -> int:
    """The bucket of a positive value: above base^index, up to base^(index + 1), base being 2^(2^-scale)."""
    index = math.ceil(math.log2(value) * 2**scale) - 1
    while value <= 2 ** (index / 2**scale):
        index -= 1
    while value > 2 ** ((index + 1) / 2**scale):
        index += 1
    return index


def rank(values: Sequence[float], level: float) -> float:
    """The order statistic at a level, by nearest rank."""
    return sorted(values)[max(0, math.ceil(level * len(values) - 1e-9) - 1)]


def _say_extremes(
    point: HistogramDataPoint | ExponentialHistogramDataPoint, values: Sequence[float], *, extremes: bool
) -> None:
    if extremes and values:
        point.min, point.max = min(values), max(values)


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
