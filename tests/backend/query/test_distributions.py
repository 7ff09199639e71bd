"""Percentiles, series, trends, heatmaps, histograms and services: rollups and spans say the same of the same calls."""

import itertools
import math
import random
from collections import Counter

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.bands import bounds_ns
from spanhouse_backend.query.percentiles import level_name
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.heatmap import Heatmap
from spanhouse_backend.query.questions.histogram import Histogram
from spanhouse_backend.query.questions.percentiles import Percentiles
from spanhouse_backend.query.questions.series import Series
from spanhouse_backend.query.questions.services import Services
from spanhouse_backend.query.questions.trends import Trends

SERVICE = "distributions"
WINDOW = {"since": "2026-01-05T09:30Z", "until": "2026-01-05T14:30Z", "service": SERVICE}
PROMISE = 0.006


@pytest.fixture(scope="module")
def calls(house):
    """300 calls over three and a half hours, none of them in the second, as (start, duration, name, tier, kind)."""
    pick = random.Random(11)
    made = []
    for number in range(300):
        start = MONDAY_10H + pick.choice([pick.randrange(HOUR), 2 * HOUR + pick.randrange(90 * MINUTE)])
        duration = 0 if number == 0 else round(pick.lognormvariate(math.log(2e6), 1.5))
        made.append((start, duration, pick.choice(["f", "g"]), pick.choice(["gold", "free", ""]), pick.randrange(1, 4)))
    messages = []
    for start, duration, name, tier, kind in made:
        attributes = {"tier": AnyValue(string_value=tier)} if tier else {}
        message = request(SERVICE, [duration], name=name, start_ns=start, attributes=attributes, seed=len(messages))
        span = message.resource_spans[0].scope_spans[0].spans[0]
        span.kind = kind
        if duration > 10_000_000:
            span.status.code = Status.STATUS_CODE_ERROR
        messages.append(message)
    house.insert(*messages)
    return made


def rank(durations, level):
    """The order statistic at a level, by nearest rank."""
    return sorted(durations)[max(0, math.ceil(level * len(durations)) - 1)]


def test_the_least_and_the_most_are_exact_from_every_source(house, calls):
    """p0 and p100 are kept beside the buckets."""
    for exact in ("false", "true"):
        (row,) = house.ask(Percentiles, group="none", levels="p100,p0", exact=exact, **WINDOW).rows
        durations = [call[1] for call in calls]
        assert row.percentiles_ns == {"p100": max(durations), "p0": min(durations)}


@pytest.mark.parametrize("exact", ["false", "true"])
@pytest.mark.parametrize(
    ("group", "key"),
    [
        ("service,name", lambda call: (SERVICE, call[2])),
        ("name, kind", lambda call: (call[2], Span.SpanKind.Name(call[4]).removeprefix("SPAN_KIND_").title())),
        ("status", lambda call: ("Error" if call[1] > 10_000_000 else "Unset",)),
        ("attr.tier", lambda call: (call[3],)),
        ("resource.service.name,attr.tier", lambda call: (SERVICE, call[3])),
        ("none", lambda call: ()),
    ],
)
def test_percentiles_of_any_group(house, calls, group, key, exact):
    answer = house.ask(Percentiles, **WINDOW, group=group, levels="p50,0.9,p99.9,0,1", exact=exact)
    raw = exact == "true" or "." in group
    assert (answer.source, answer.accuracy) == (("raw", "exact") if raw else ("rollup_1h", "bucketed"))
    expected: dict[tuple[str, ...], list[int]] = {}
    for call in calls:
        expected.setdefault(key(call), []).append(call[1])
    names = () if group == "none" else tuple(name.strip() for name in group.split(","))
    assert {tuple(row.group[name] for name in names) for row in answer.rows} == set(expected)
    assert [row.total_ns for row in answer.rows] == sorted((row.total_ns for row in answer.rows), reverse=True)
    for row in answer.rows:
        durations = expected[tuple(row.group[name] for name in names)]
        assert (row.calls, row.total_ns) == (len(durations), sum(durations))
        assert row.errors == sum(duration > 10_000_000 for duration in durations)
        assert row.mean_ns == pytest.approx(sum(durations) / len(durations))
        assert list(row.percentiles_ns) == ["p50", "p90", "p99.9", "p0", "p100"]
        for name, level in zip(row.percentiles_ns, (0.5, 0.9, 0.999, 0, 1), strict=True):
            truth = rank(durations, level)
            assert abs(row.percentiles_ns[name] - truth) <= (0 if raw else PROMISE * truth)


def test_percentiles_agree_with_the_table_of_functions(house, calls):
    table = {row.name: row for row in house.ask(Functions, **WINDOW).rows}
    for row in house.ask(Percentiles, **WINDOW).rows:
        function = table[row.group["name"]]
        assert row.percentiles_ns == {
            "p50": function.p50_ns,
            "p90": function.p90_ns,
            "p95": function.p95_ns,
            "p99": function.p99_ns,
            "p99.9": function.p999_ns,
        }


@pytest.mark.parametrize(
    ("texts", "parameter", "problem"),
    [
        ({"levels": "p101"}, "levels", "'p101' is not a percentile"),
        ({"levels": "0.5,"}, "levels", "'' is not a percentile"),
        ({"levels": "1.5"}, "levels", "is not a percentile"),
        ({"levels": ",".join(f"p{n}" for n in range(1, 22))}, "levels", "more than 20"),
        ({"group": "colour"}, "group", "there is no field 'colour'"),
        ({"group": "trace_id"}, "group", "cannot be grouped by trace_id"),
        ({"group": "attr.a,attr.b,attr.c,attr.d,attr.e,attr.f"}, "group", "more than 5"),
    ],
)
def test_bad_levels_and_groups_are_refused_by_name(texts, parameter, problem):
    with pytest.raises(InvalidQuestion, match=problem) as refused:
        Percentiles.read(texts, MONDAY_10H)
    assert refused.value.parameter == parameter


def test_levels_are_named_as_people_do():
    assert [level_name(level) for level in (0.5, 0.9, 0.999, 0.9999, 1.0, 0.0)] == [
        "p50", "p90", "p99.9", "p99.99", "p100", "p0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "zone", "seconds", "source"),
    [
        ("1h", "UTC", 3600, "rollup_1h"),
        ("1h", "Asia/Kolkata", 3600, "rollup_1m"),
        ("15m", "UTC", 900, "rollup_1m"),
        ("90s", "UTC", 90, "raw"),
        ("1d", "UTC", 86_400, "rollup_1h"),
        ("1d", "America/New_York", 86_400, "rollup_1h"),
    ],
)
def test_a_series_has_every_step_and_each_call_in_its_own(house, calls, step, zone, seconds, source):
    """The same from the rollups and from the spans, and empty steps say that nothing is known of them."""
    answer = house.ask(Series, **WINDOW, step=step, timezone=zone, levels="p50,p99")
    assert answer.source == source
    exact = house.ask(Series, **WINDOW, step=step, timezone=zone, levels="p50,p99", exact="true")
    assert exact.source == "raw"
    assert [row.calls for row in exact.rows] == [row.calls for row in answer.rows]
    starts = [row.start_unix_ns for row in answer.rows]
    assert {after - start for start, after in itertools.pairwise(starts)} <= {seconds * 10**9}
    assert (answer.from_ns, answer.to_ns) == (starts[0], answer.rows[-1].end_unix_ns)
    assert sum(row.calls for row in answer.rows) == len(calls)
    for row in answer.rows:
        durations = [took for start, took, *_ in calls if row.start_unix_ns <= start < row.end_unix_ns]
        assert (row.calls, row.total_ns) == (len(durations), sum(durations))
        if durations:
            assert abs(row.percentiles_ns["p50"] - rank(durations, 0.5)) <= PROMISE * rank(durations, 0.5)
        else:
            assert (row.mean_ns, row.percentiles_ns) == (None, {"p50": None, "p99": None})
    if step == "1h":
        assert 0 in {row.calls for row in answer.rows}


def test_a_series_of_everything_begins_with_the_first_call(house, calls):
    answer = house.ask(Series, service=SERVICE)
    assert 0 < answer.from_ns <= MONDAY_10H
    assert sum(row.calls for row in answer.rows) == len(calls)


@pytest.mark.parametrize("exact", ["false", "true"])
def test_trends_are_the_series_of_each_function(house, calls, exact):
    """Of both functions in one answer, the one that took more time first."""
    shared = {**WINDOW, "step": "30m", "timezone": "Asia/Kolkata", "exact": exact}
    answer = house.ask(Trends, **shared, level="p90")
    totals = {name: sum(call[1] for call in calls if call[2] == name) for name in "fg"}
    assert [row.name for row in answer.rows] == sorted("fg", key=totals.get, reverse=True)
    for row in answer.rows:
        series = house.ask(Series, **shared, name=row.name, levels="p90")
        assert (answer.source, answer.from_ns, answer.to_ns) == (series.source, series.from_ns, series.to_ns)
        assert answer.starts_unix_ns == tuple(step.start_unix_ns for step in series.rows)
        assert row.calls == tuple(step.calls for step in series.rows)
        assert row.errors == tuple(step.errors for step in series.rows)
        assert row.percentile_ns == tuple(step.percentiles_ns["p90"] for step in series.rows)
        assert (0, None) in set(zip(row.calls, row.percentile_ns, strict=True))
    only = house.ask(Trends, **shared, limit="1", filter="name in (f, g)")
    assert [row.name for row in only.rows] == [answer.rows[0].name]


def test_a_trend_has_a_percentile_that_is_one(house):
    with pytest.raises(InvalidQuestion, match=r"^level: 'p101' is not a percentile"):
        house.ask(Trends, **WINDOW, level="p101")


@pytest.mark.parametrize("scale", ["0", "1", "3", "6"])
@pytest.mark.parametrize("exact", ["false", "true"])
def test_a_histogram_counts_every_call_in_the_band_of_its_duration(house, calls, scale, exact):
    answer = house.ask(Histogram, **WINDOW, scale=scale, exact=exact)
    assert answer.accuracy == "exact"
    assert answer.source == ("raw" if exact == "true" else "rollup_1h")
    for row in answer.rows:
        inside = [took for _, took, *_ in calls if row.over_ns < took <= row.to_ns or took == row.to_ns == 0]
        assert (row.calls, row.errors) == (len(inside), sum(took > 10_000_000 for took in inside))
    assert sum(row.calls for row in answer.rows) == len(calls)
    assert (answer.rows[0].over_ns, answer.rows[0].to_ns) == (0, 0)
    assert [row.share for row in answer.rows] == sorted(row.share for row in answer.rows)
    assert answer.rows[-1].share == 1


@pytest.mark.parametrize("exact", ["false", "true"])
def test_a_heatmap_counts_every_call_in_its_cell(house, calls, exact):
    answer = house.ask(Heatmap, **WINDOW, step="30m", scale="2", exact=exact)
    cells = Counter()
    for start, took, *_ in calls:
        (band,) = [
            (row.over_ns, row.to_ns)
            for row in answer.rows
            if row.start_unix_ns <= start < row.start_unix_ns + 30 * MINUTE
            and (row.over_ns < took <= row.to_ns or took == row.to_ns == 0)
        ]
        cells[(start // (30 * MINUTE) * 30 * MINUTE, *band)] += 1
    assert {(row.start_unix_ns, row.over_ns, row.to_ns): row.calls for row in answer.rows} == cells
    assert sum(row.errors for row in answer.rows) == sum(took > 10_000_000 for _, took, *_ in calls)


def test_bands_lie_side_by_side():
    for scale in range(7):
        bounds = [bounds_ns(band, scale) for band in range(40 * 2**scale)]
        assert all(one[1] == other[0] for one, other in itertools.pairwise(bounds))
        assert bounds[0][0] == 1


@pytest.mark.parametrize("exact", ["false", "true"])
def test_services_are_counted(house, calls, exact):
    (row,) = house.ask(Services, **WINDOW, exact=exact).rows
    assert (row.service, row.functions, row.calls) == (SERVICE, 2, len(calls))
    assert row.errors == sum(took > 10_000_000 for _, took, *_ in calls)
    assert row.total_ns == sum(took for _, took, *_ in calls)


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("services?", "ServiceRow"),
        ("percentiles?group=attr.tier&", "PercentilesRow"),
        ("series?step=1h&", "SeriesRow"),
        ("heatmap?", "HeatmapRow"),
        ("histogram?", "HistogramRow"),
    ],
)
def test_rest_describes_and_answers_each_question(house, calls, path, row):
    schemas = house.get("/openapi.json").json()["components"]["schemas"]
    response = house.get(f"/api/v1/{path}since=2026-01-05T09:30Z&until=2026-01-05T14:30Z&service={SERVICE}")
    assert response.status_code == 200
    assert response.json()["rows"]
    assert set(response.json()["rows"][0]) == set(schemas[row]["properties"])
