"""Percentiles of histogram metrics, held against the values that the histograms were made of."""

import math
import random
from urllib.parse import urlencode

import pytest
from data_points import BOUNDS, CUMULATIVE, Stream, body, explicit, exponential, rank
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.query.questions.metric_percentiles import LOOK_BACK_NS, MetricPercentiles
from spanhouse_backend.query.questions.metrics import Metrics
from spanhouse_backend.store.landing import METRICS

LEVELS = {"p0": 0.0, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p100": 1.0}
ASKED = {"levels": ",".join(LEVELS), "group": "none", "since": "2026-01-05T10:00Z", "until": "2026-01-05T12:00Z"}
KINDS = {"explicit": explicit, "exponential": exponential}
SECOND_NS = 10**9
# Floating point: sums in another order, and bounds times a power of ten.
CLOSE = 1e-9


def values_of(seed: int, count: int = 1000) -> list[float]:
    """Seconds, lognormal around 100 ms."""
    pick = random.Random(seed)
    return [pick.lognormvariate(math.log(0.1), 1.2) for _ in range(count)]


def store(house, *streams: Stream) -> None:
    house.run(house.store.insert(METRICS, join([frame(body(*streams))]), []))


def only_row(house, metric, **asked):
    (row,) = house.ask(MetricPercentiles, name=metric, **ASKED | asked).rows
    return row


def holds(row, values, factor=1e9) -> None:
    """The row is of exactly these values, and each percentile lies in the bucket of the value that has its rank."""
    assert row.count == len(values)
    assert row.sum == pytest.approx(math.fsum(values) * factor, rel=1e-6)
    assert row.mean == pytest.approx(math.fsum(values) / len(values) * factor, rel=1e-6)
    for name, level in LEVELS.items():
        truth = rank(values, level) * factor
        lowest = -math.inf if row.above[name] is None else row.above[name]
        highest = math.inf if row.up_to[name] is None else row.up_to[name]
        slack = CLOSE * abs(truth)
        assert lowest - slack <= truth <= highest + slack, name
        if row.percentiles[name] is not None:
            assert lowest - slack <= row.percentiles[name] <= highest + slack, name


@pytest.mark.parametrize("kind", KINDS)
def test_delta_points_add_up(house, kind):
    """Those of the window, whoever sent them: the percentiles are those of all values together."""
    metric, one, other = f"delta.{kind}", values_of(1), values_of(2, 300)
    streams = [Stream(metric, "a", attributes={"route": "/x"}), Stream(metric, "b")]
    for stream, values in zip(streams, (one, other), strict=True):
        points = getattr(stream, kind)
        half = len(values) // 2
        points.append(KINDS[kind](values[:half], MONDAY_10H + MINUTE, MONDAY_10H))
        points.append(KINDS[kind](values[half:], MONDAY_10H + 2 * MINUTE, MONDAY_10H + MINUTE))
        # Before the window, and at its end, which is not part of it.
        points.append(KINDS[kind]([99.0], MONDAY_10H - 1, MONDAY_10H - MINUTE))
        points.append(KINDS[kind]([99.0], MONDAY_10H + 2 * HOUR, MONDAY_10H))
    store(house, *streams)
    row = only_row(house, metric)
    holds(row, one + other)
    assert (row.unit, row.group, row.start_unix_ns) == ("ns", {}, None)
    assert (row.min, row.max) == (min(one + other) * 1e9, max(one + other) * 1e9)
    assert (row.percentiles["p0"], row.percentiles["p100"]) == (row.min, row.max)
    by_service = house.ask(MetricPercentiles, name=metric, **ASKED | {"group": "service,attr.route"}).rows
    assert [found.group for found in by_service] == [
        {"service": "a", "attr.route": "/x"},
        {"service": "b", "attr.route": ""},
    ]
    holds(by_service[0], one)
    holds(by_service[1], other)
    for narrowed in ({"filter": "attr.route=/x"}, {"service": "a"}, {"filter": "service=a resource.service.name^=a"}):
        holds(only_row(house, metric, **narrowed), one)


def test_an_exponential_percentile_is_within_half_a_bucket_of_the_truth(house):
    """Geometric midpoints: sqrt(base) away at most. The notes say so in percent."""
    values = values_of(3, 5000)
    stream = Stream("accuracy.exponential")
    stream.exponential.append(exponential(values, MONDAY_10H + MINUTE, MONDAY_10H, scale=5))
    store(house, stream)
    answer = house.ask(MetricPercentiles, name="accuracy.exponential", **ASKED)
    (row,) = answer.rows
    promise = 2 ** (1 / 64) - 1
    for name, level in LEVELS.items():
        truth = rank(values, level) * 1e9
        assert abs(row.percentiles[name] - truth) <= promise * truth * (1 + CLOSE)
        assert row.up_to[name] <= row.above[name] * 2 ** (1 / 32) * (1 + CLOSE)
    assert answer.accuracy == "bounded"
    (note,) = answer.notes
    assert note == (
        "buckets of exponential histograms are up to 2.19% wide (scale 5): percentiles are within 1.09% of the value "
        "that has their rank"
    )


def test_between_explicit_bounds_values_are_taken_to_lie_evenly(house):
    """Of 100 values the fifty below 1 s are in (0.5, 1]: the 25th is a quarter of the way from 0.5 to 1."""
    values = [0.75] * 50 + [4.0] * 50
    stream = Stream("even")
    stream.explicit.append(explicit(values, MONDAY_10H + MINUTE, MONDAY_10H, (0.5, 1.0, 5.0), extremes=False))
    store(house, stream)
    answer = house.ask(MetricPercentiles, name="even", **ASKED | {"levels": "p25,p50,p75,p100"})
    (row,) = answer.rows
    assert row.percentiles == {"p25": 0.75e9, "p50": 1e9, "p75": 3e9, "p100": 5e9}
    assert (row.above["p25"], row.up_to["p25"]) == (0.5e9, 1e9)
    assert (row.min, row.max) == (None, None)
    assert answer.notes[0].startswith("histograms with explicit bounds are interpolated")


def test_outside_of_the_bounds_the_extremes_say_where_values_end(house):
    """Where they are known; else the last bucket has no end, and the first one begins at zero."""
    values = [0.2, 0.4, 30.0, 40.0]
    for metric, extremes in (("ends.known", True), ("ends.unknown", False)):
        stream = Stream(metric)
        stream.explicit.append(explicit(values, MONDAY_10H + MINUTE, MONDAY_10H, (0.5, 10.0), extremes=extremes))
        store(house, stream)
    known = only_row(house, "ends.known", levels="p25,p75,p100")
    assert known.percentiles == pytest.approx({"p25": 0.35e9, "p75": 25e9, "p100": 40e9})
    assert (known.above["p25"], known.up_to["p75"]) == (0.2e9, 40e9)
    unknown = only_row(house, "ends.unknown", levels="p25,p75,p100")
    assert unknown.percentiles == {"p25": 0.25e9, "p75": 10e9, "p100": 10e9}
    assert (unknown.above["p25"], unknown.up_to["p25"]) == (None, 0.5e9)
    assert (unknown.above["p75"], unknown.up_to["p75"]) == (10e9, None)


def test_a_histogram_without_bounds_still_counts(house):
    """Its sender says how many, and the extremes; nothing is known of what lies between."""
    stream = Stream("boundless")
    stream.explicit.append(explicit([1.0, 3.0], MONDAY_10H + MINUTE, MONDAY_10H, ()))
    stream.explicit[0].ClearField("bucket_counts")
    bare = Stream("bare")
    bare.explicit.append(explicit([1.0, 3.0], MONDAY_10H + MINUTE, MONDAY_10H, (), extremes=False))
    bare.explicit[0].ClearField("bucket_counts")
    store(house, stream, bare)
    row = only_row(house, "boundless", levels="p50")
    assert (row.count, row.percentiles, row.above, row.up_to) == (2, {"p50": 2e9}, {"p50": 1e9}, {"p50": 3e9})
    row = only_row(house, "bare", levels="p50")
    assert (row.count, row.percentiles, row.above, row.up_to) == (2, {"p50": None}, {"p50": None}, {"p50": None})


def test_bounds_that_are_not_everybodys_merge_away(house):
    """What is common is exact: up to each common bound the count is that of all values."""
    one, other = values_of(4), values_of(5)
    streams = [Stream("bounds", "a"), Stream("bounds", "b")]
    streams[0].explicit.append(explicit(one, MONDAY_10H + MINUTE, MONDAY_10H, (0.01, 0.05, 0.1, 0.2, 1.0)))
    streams[1].explicit.append(explicit(other, MONDAY_10H + MINUTE, MONDAY_10H, (0.02, 0.05, 0.2, 0.4, 1.0)))
    store(house, *streams)
    row = only_row(house, "bounds")
    holds(row, one + other)
    assert {bound for bound in row.up_to.values() if bound != row.max} <= {0.05e9, 0.2e9, 1e9}


@pytest.mark.parametrize("scales", [(6, 3), (2, -1), (0, -2), (20, 20)])
def test_scales_that_differ_are_brought_to_the_smallest(house, scales):
    """As the data model has it: pairs of buckets join, and no value leaves the interval that it is said to be in."""
    metric = f"scales.{scales[0]}.{scales[1]}"
    # Scale 20 would need as many buckets as there are numbers: values close together.
    spread = 1e-6 if scales[0] == 20 else 1
    one, other = ([1.5 * value**spread for value in values_of(seed, 400)] for seed in (6, 7))
    streams = [Stream(metric, "a"), Stream(metric, "b")]
    streams[0].exponential.append(exponential(one, MONDAY_10H + MINUTE, MONDAY_10H, scales[0], extremes=False))
    streams[1].exponential.append(exponential(other, MONDAY_10H + MINUTE, MONDAY_10H, scales[1], extremes=False))
    store(house, *streams)
    row = only_row(house, metric)
    holds(row, one + other)
    base = 2 ** (2.0 ** -scales[1])
    for name in LEVELS:
        assert row.up_to[name] / row.above[name] == pytest.approx(base)


@pytest.mark.parametrize("scale", [-3, -10, -(2**31), 2**31 - 1])
def test_any_scale_is_answered(house, scale):
    """The smallest that SDKs have puts all numbers into two buckets; what no SDK has, a sender may still say."""
    metric = f"scale.{scale}"
    stream = Stream(metric)
    stream.exponential.append(exponential([0.2, 0.4], MONDAY_10H + MINUTE, MONDAY_10H, scale=-1, extremes=False))
    stream.exponential[0].scale = scale
    other = Stream(metric, service="other")
    other.exponential.append(exponential([0.2, 0.4], MONDAY_10H + MINUTE, MONDAY_10H, scale=3))
    store(house, stream, other)
    for asked in ({}, {"group": "service"}):
        response = house.get(f"/api/v1/metric_percentiles?{urlencode({'name': metric} | ASKED | asked)}")
        assert response.status_code == 200
        assert sum(row["count"] for row in response.json()["rows"]) == 4
    note = response.json()["notes"][0]
    assert ("times wide" in note) == (scale < 0)


def test_zero_and_negative_values_have_buckets_too(house):
    """In order: the most negative first, then zeros, whose bucket has no width, then the positive ones."""
    values = [-8.0] * 10 + [-1.0] * 10 + [0.0] * 30 + [2.0] * 40 + [100.0] * 10
    stream = Stream("signs", unit="Cel")
    stream.exponential.append(exponential(values, MONDAY_10H + MINUTE, MONDAY_10H, scale=2))
    store(house, stream)
    row = only_row(house, "signs", levels="p0,p10,p20,p25,p50,p90,p100")
    assert row.unit == "Cel"
    assert (row.count, row.sum, row.min, row.max) == (100, sum(values), -8.0, 100.0)
    assert (row.percentiles["p25"], row.percentiles["p50"]) == (0.0, 0.0)
    assert (row.percentiles["p0"], row.percentiles["p100"]) == (-8.0, 100.0)
    half = 2 ** (1 / 8) - 1
    for name, truth in (("p10", -8.0), ("p20", -1.0), ("p90", 2.0)):
        assert abs(row.percentiles[name] - truth) <= half * abs(truth) * (1 + CLOSE)


@pytest.mark.parametrize(("unit", "seconds"), [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("min", 60.0)])
def test_units_of_time_become_nanoseconds(house, unit, seconds):
    """The same calls measured in whatever unit have the same percentiles."""
    metric, values = f"unit.{unit}", values_of(8)
    stream = Stream(metric, unit=unit)
    stream.exponential.append(exponential([value / seconds for value in values], MONDAY_10H + 1, MONDAY_10H))
    stream.explicit.append(
        explicit(
            [value / seconds for value in values], MONDAY_10H + 1, MONDAY_10H, [bound / seconds for bound in BOUNDS]
        )
    )
    store(house, stream)
    rows = house.ask(MetricPercentiles, name=metric, **ASKED).rows
    assert [(row.type, row.unit) for row in rows] == [("exponential_histogram", "ns"), ("histogram", "ns")]
    for row in rows:
        holds(row, values)


def test_other_units_stay_what_they_are(house):
    stream = Stream("size", unit="By")
    stream.explicit.append(explicit([512.0] * 4, MONDAY_10H + 1, MONDAY_10H, (100.0, 1000.0)))
    store(house, stream)
    row = only_row(house, "size", levels="p50")
    assert (row.unit, row.sum, row.percentiles) == ("By", 2048.0, {"p50": 512.0})


def cumulative(house, metric, kind, points, since):
    """A cumulative stream: at each time, all values so far."""
    stream = Stream(metric, temporality=CUMULATIVE)
    so_far: list[float] = []
    for at, values in points:
        so_far = so_far + values
        getattr(stream, kind).append(KINDS[kind](so_far, at, since))
    store(house, stream)


@pytest.mark.parametrize("kind", KINDS)
def test_of_cumulative_points_only_what_came_since_the_one_before_counts(house, kind):
    """The first of the window is held against the last before it; its step has what came between the two."""
    metric, parts = f"cumulative.{kind}", [values_of(seed, 200) for seed in range(10, 14)]
    times = [MONDAY_10H - 5 * MINUTE, MONDAY_10H + MINUTE, MONDAY_10H + 30 * MINUTE, MONDAY_10H + 90 * MINUTE]
    cumulative(house, metric, kind, list(zip(times, parts, strict=True)), MONDAY_10H - 24 * HOUR)
    row = only_row(house, metric)
    holds(row, parts[1] + parts[2] + parts[3])
    # The extremes are of everything since the stream began.
    assert (row.min, row.max) == (None, None)
    first, second = house.ask(MetricPercentiles, name=metric, step="1h", **ASKED).rows
    assert (first.start_unix_ns, second.start_unix_ns) == (MONDAY_10H, MONDAY_10H + HOUR)
    holds(first, parts[1] + parts[2])
    holds(second, parts[3])


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_point_of_a_stream_that_began_long_before_is_left_out(house, kind):
    """It counts from before the window, and nothing says how much of it: the answer says so."""
    metric, old, new = f"first.{kind}", values_of(20, 50), values_of(21, 70)
    points = [(MONDAY_10H - LOOK_BACK_NS - 1, [9.0]), (MONDAY_10H + MINUTE, old), (MONDAY_10H + 2 * MINUTE, new)]
    cumulative(house, metric, kind, points, MONDAY_10H - 24 * HOUR)
    answer = house.ask(MetricPercentiles, name=metric, **ASKED)
    (row,) = answer.rows
    holds(row, new)
    assert answer.notes[0] == (
        "of 1 cumulative series the first point in the window is left out: it counts from before the window on, and "
        "the point before it is not stored"
    )
    # Over everything there is no before: all that the stream has ever counted is there.
    (row,) = house.ask(MetricPercentiles, name=metric, levels=ASKED["levels"], group="none").rows
    holds(row, [9.0, *old, *new])
    assert (row.min, row.max) == (min(old + new) * 1e9, 9e9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_begins_within_the_window_counts_from_its_first_point_on(house, kind):
    metric, parts = f"begins.{kind}", [values_of(seed, 100) for seed in (30, 31)]
    times = [MONDAY_10H + 2 * MINUTE, MONDAY_10H + 3 * MINUTE]
    cumulative(house, metric, kind, list(zip(times, parts, strict=True)), MONDAY_10H + MINUTE)
    answer = house.ask(MetricPercentiles, name=metric, **ASKED)
    holds(answer.rows[0], parts[0] + parts[1])
    assert answer.rows[0].max == max(parts[0] + parts[1]) * 1e9
    assert not any("left out" in note for note in answer.notes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("marked", [True, False], ids=["with a new StartTimeUnix", "unmarked"])
def test_after_a_restart_counting_begins_anew(house, kind, marked):
    """A process that restarts counts from zero; one that does not say so is told by its count going back."""
    metric = f"restart.{kind}.{marked}"
    before, after, later = values_of(40, 300), values_of(41, 80), values_of(42, 60)
    since = MONDAY_10H - HOUR
    stream = Stream(metric, temporality=CUMULATIVE)
    points = getattr(stream, kind)
    points.append(KINDS[kind]([0.3] * 10, MONDAY_10H - MINUTE, since))
    points.append(KINDS[kind]([0.3] * 10 + before, MONDAY_10H + MINUTE, since))
    restarted = MONDAY_10H + 2 * MINUTE if marked else since
    points.append(KINDS[kind](after, MONDAY_10H + 3 * MINUTE, restarted))
    points.append(KINDS[kind](after + later, MONDAY_10H + 4 * MINUTE, restarted))
    store(house, stream)
    holds(only_row(house, metric), before + after + later)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cumulative_point_that_is_stored_twice_counts_once(house, kind):
    """A collector that sends again what it has sent changes no difference."""
    metric, old, new = f"twice.{kind}", values_of(60, 100), values_of(61, 100)
    points = [(MONDAY_10H - MINUTE, old), (MONDAY_10H + MINUTE, new)]
    cumulative(house, metric, kind, points, MONDAY_10H - HOUR)
    stream = Stream(metric, temporality=CUMULATIVE)
    getattr(stream, kind).append(KINDS[kind](old + new, MONDAY_10H + MINUTE, MONDAY_10H - HOUR))
    store(house, stream, Stream("another"))
    holds(only_row(house, metric), new)


@pytest.mark.parametrize("temporality", [1, 2])
def test_a_day_of_a_hundred_series_fits_into_the_memory_of_one_question(house, temporality):
    """A point a minute of each, with 160 buckets, as the SDK has them: 180 MB of buckets."""
    metric = f"large.{temporality}"
    house.run(
        house.queries.change(
            f"""
            INSERT INTO otel_metrics_exp_histogram
                (ServiceName, MetricName, MetricUnit, Attributes, StartTimeUnix, TimeUnix, Count, Scale, PositiveOffset,
                PositiveBucketCounts, AggregationTemporality)
            SELECT
                'large', '{metric}', 's', map('http.route', toString(number % 100)),
                fromUnixTimestamp64Nano({MONDAY_10H - 24 * HOUR}) AS start,
                start + toIntervalMinute(1 + intDiv(number, 100)) AS time,
                160 * if({temporality} = 1, 1, 1 + intDiv(number, 100)), 4, -80,
                arrayWithConstant(160, toUInt64(if({temporality} = 1, 1, 1 + intDiv(number, 100)))), {temporality}
            FROM numbers(100 * 24 * 60)
            """,
            {},
        )
    )
    window = {"since": "2026-01-04T10:00Z", "until": "2026-01-05T10:01Z", "group": "attr.http.route", "limit": "100"}
    rows = house.ask(MetricPercentiles, name=metric, **window).rows
    assert [row.count for row in rows] == [160 * 24 * 60] * 100
    # The middle of 160 buckets from -80 on is between 2^0 and 2^(-1/16) seconds.
    assert {row.up_to["p50"] for row in rows} == {1e9}


def test_a_scale_that_was_lowered_meanwhile_is_no_change_of_values(house):
    """An exponential histogram that meets a wide spread lowers its scale: the difference is taken at the lower one."""
    old, new = values_of(50, 100), values_of(51, 100)
    stream = Stream("lowered", temporality=CUMULATIVE)
    stream.exponential.append(exponential(old, MONDAY_10H - MINUTE, MONDAY_10H - HOUR, scale=6))
    stream.exponential.append(exponential(old + new, MONDAY_10H + MINUTE, MONDAY_10H - HOUR, scale=2))
    store(house, stream)
    holds(only_row(house, "lowered"), new)


def test_a_stream_that_has_ended_says_nothing(house):
    """FLAG_NO_RECORDED_VALUE: its point is no value of zero."""
    stream = Stream("ended")
    stream.explicit.append(explicit([1.0], MONDAY_10H + MINUTE, MONDAY_10H))
    stream.explicit.append(explicit([], MONDAY_10H + 2 * MINUTE, MONDAY_10H))
    stream.explicit[1].flags = 1
    store(house, stream)
    holds(only_row(house, "ended"), [1.0])


def test_of_a_metric_that_nobody_sends_there_are_no_rows(house):
    assert house.ask(MetricPercentiles, name="nothing.of.the.kind").rows == ()
    assert house.ask(MetricPercentiles, name="nothing.of.the.kind", step="1h", since="1d").rows == ()


@pytest.mark.parametrize(
    ("texts", "parameter", "problem"),
    [
        ({}, "name", "is missing"),
        ({"name": "m", "levels": "p101"}, "levels", "is not a percentile"),
        ({"name": "m", "group": "kind"}, "group", "there is no field 'kind': there are service, "),
        ({"name": "m", "group": ",".join(f"attr.{n}" for n in range(6))}, "group", "more than 5"),
        ({"name": "m", "filter": "duration>5ms"}, "filter", "there is no field 'duration'"),
        ({"name": "m", "step": "1.5s"}, "step", "not a whole number of seconds"),
        ({"name": "m", "exact": "true"}, "exact", "no such parameter"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(texts, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        MetricPercentiles.read(texts, MONDAY_10H)
    assert refused.value.parameter == parameter


def test_names_are_values_and_never_sql(house):
    """Whatever a metric or a key is called, it is looked up."""
    metric, key = "m'); DROP TABLE otel_traces --", "a'\" b"
    stream = Stream(metric, attributes={key: "there"})
    stream.explicit.append(explicit([1.0], MONDAY_10H + MINUTE, MONDAY_10H))
    store(house, stream)
    (row,) = house.ask(MetricPercentiles, name=metric, **ASKED | {"group": 'attr."a\'\\" b"'}).rows
    assert list(row.group.values()) == ["there"]


def test_metrics_are_listed_with_their_types_units_and_senders(house):
    """A metric that is sent as two types is two rows; what is outside of the window does not count."""
    stream, other = Stream("listed.took", "b"), Stream("listed.took", "a")
    for one in (stream, other):
        one.exponential.append(exponential([1.0], MONDAY_10H + MINUTE, MONDAY_10H))
    stream.explicit.append(explicit([1.0], MONDAY_10H + 2 * MINUTE, MONDAY_10H))
    stream.explicit.append(explicit([1.0], MONDAY_10H + 3 * MINUTE, MONDAY_10H))
    stream.explicit.append(explicit([1.0], MONDAY_10H + 3 * HOUR, MONDAY_10H))
    store(house, stream, other)
    window = {"since": ASKED["since"], "until": ASKED["until"]}
    first, second = house.ask(Metrics, name="listed.took", **window).rows
    assert (first.name, first.type, first.unit, first.services, first.points) == (
        "listed.took", "exponential_histogram", "s", ("a", "b"), 2,
    )  # fmt: skip
    assert (second.type, second.services, second.points) == ("histogram", ("b",), 2)
    assert (second.first_unix_ns, second.last_unix_ns) == (MONDAY_10H + 2 * MINUTE, MONDAY_10H + 3 * MINUTE)
    assert second.description == "about it"
    only = house.ask(Metrics, filter="name^=listed. service=a", **window).rows
    assert [(row.type, row.services) for row in only] == [("exponential_histogram", ("a",))]
