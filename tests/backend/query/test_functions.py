"""The functions table over a real engine: right counts, right windows, percentiles within the promise."""

import math
import random
import statistics
import subprocess
import sys
from dataclasses import fields

import pytest
from harness import clean_environment
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H

from spanhouse_backend.query.questions.functions import SORTS, FunctionRow

pytestmark = pytest.mark.over_both_stores

TOMORROW = MONDAY_10H + 24 * HOUR
LEVELS = {"p50_ns": 0.5, "p90_ns": 0.9, "p95_ns": 0.95, "p99_ns": 0.99, "p999_ns": 0.999}
PROMISE = 0.006

chance = random.Random(20260105)
DISTRIBUTIONS = {
    "lognormal": lambda: 1000 + chance.lognormvariate(math.log(2e6), 1.5),
    "pareto": lambda: 50_000 * chance.paretovariate(1.1),
    "bimodal": lambda: chance.gauss(20_000, 1_000) if chance.random() < 0.9 else chance.gauss(5e8, 2e7),
    "constant": lambda: 123_457,
    "two-point": lambda: chance.choice([1_000, 60_000_000_000]),
    "uniform": lambda: chance.uniform(1_000, 1_000_000),
}


@pytest.mark.parametrize("size", [1, 10, 100, 10_000])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_percentiles_are_within_the_promise_of_the_neighbouring_order_statistics(house, distribution, size):
    """Six distributions, through the wire format, the views and the rollup; everything else is exact."""
    durations = sorted(max(1000, round(DISTRIBUTIONS[distribution]())) for _ in range(size))
    service = f"accuracy-{distribution}-{size}"
    house.insert(request(service, random.Random(size).sample(durations, size), start_ns=MONDAY_10H))

    row = house.only_row(service=service, now_ns=TOMORROW)

    for field, level in LEVELS.items():
        below = durations[math.floor(level * (size - 1))]
        above = durations[math.ceil(level * (size - 1))]
        got = getattr(row, field)
        assert min(abs(got - below) / below, abs(got - above) / above) <= PROMISE, field
        assert row.min_ns <= got <= row.max_ns
    assert (row.calls, row.errors) == (size, 0)
    assert (row.min_ns, row.max_ns, row.total_ns) == (durations[0], durations[-1], sum(durations))
    assert row.mean_ns == pytest.approx(statistics.fmean(durations), rel=1e-12)
    assert row.tail_ratio == pytest.approx(row.p99_ns / row.p50_ns, rel=1e-12)
    # Squares are added up in floating point: of equal durations the deviation may come out as a trace of nothing.
    expected = statistics.stdev(durations) / math.sqrt(size) if size > 1 else 0
    assert row.stderr_ns == pytest.approx(expected, rel=1e-6, abs=row.mean_ns * 1e-6)


def test_durations_of_a_few_nanoseconds_are_read_to_the_nanosecond(house):
    """Zero has a bucket of its own, and rounding beats the buckets where they are narrower than a nanosecond."""
    for duration in (0, 1, 2, 3, 10, 64):
        house.insert(request("tiny", [duration], name=str(duration), start_ns=MONDAY_10H))
    for row in house.functions(service="tiny", now_ns=TOMORROW).rows:
        exact = int(row.name)
        assert (row.min_ns, row.p50_ns, row.p999_ns, row.max_ns, row.total_ns) == (exact,) * 5
        assert row.tail_ratio == (1 if exact else 0)


def test_the_longest_duration_there_is_does_not_overflow(house):
    message = request("eternal", [5], start_ns=MONDAY_10H)
    message.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 2**64 - 1
    house.insert(message)
    row = house.only_row(service="eternal", now_ns=TOMORROW)
    assert row.p50_ns == row.max_ns == 2**64 - 1 - MONDAY_10H


def test_errors_are_the_calls_whose_status_is_error(house):
    message = request("faulty", range(1000, 1100), start_ns=MONDAY_10H)
    spans = message.resource_spans[0].scope_spans[0].spans
    for index, span in enumerate(spans):
        span.status.code = (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR)[index % 3]
        span.kind = index % 6
    house.insert(message)
    row = house.only_row(service="faulty", now_ns=TOMORROW)
    assert (row.calls, row.errors) == (100, 33)


def test_the_slowest_trace_is_that_of_the_longest_call(house):
    message = request("slowest", [5_000, 90_000, 40_000], start_ns=MONDAY_10H)
    house.insert(message, request("slowest", [80_000], start_ns=MONDAY_10H + 3 * HOUR, seed=1))
    trace_id = message.resource_spans[0].scope_spans[0].spans[1].trace_id.hex()
    assert house.only_row(service="slowest", now_ns=TOMORROW).slowest_trace_id == trace_id


@pytest.fixture(scope="module")
def scattered(house):
    """(start, duration) of 400 calls over six hours, stored in four inserts."""
    pick = random.Random(6)
    calls = [(MONDAY_10H + pick.randrange(6 * HOUR), pick.randrange(1000, 10**9)) for _ in range(400)]
    for part in range(4):
        house.insert(*(request("scattered", [took], start_ns=start, seed=start) for start, took in calls[part::4]))
    return calls


def windows():
    """Fifty windows that begin and end anywhere, some within an hour, and some that are aligned."""
    pick = random.Random(50)
    for _ in range(50):
        start = MONDAY_10H + pick.randrange(-HOUR, 6 * HOUR)
        yield start, start + pick.randrange(1, pick.choice([2 * MINUTE, HOUR, 3 * HOUR, 8 * HOUR]))
    yield MONDAY_10H, MONDAY_10H + HOUR
    yield MONDAY_10H + 59 * MINUTE, MONDAY_10H + 2 * HOUR + MINUTE
    yield MONDAY_10H + MINUTE, MONDAY_10H + 2 * MINUTE
    yield 0, MONDAY_10H + 3 * HOUR + MINUTE


def test_a_window_counts_each_call_of_its_whole_minutes_once(house, scattered):
    """Hours and the minutes at their edges add up to the same as counting the calls one by one."""
    sources = set()
    for since_ns, until_ns in windows():
        answer = house.functions(
            since=f"{since_ns / 10**9:.6f}", until=f"{until_ns / 10**9:.6f}", service="scattered", now_ns=TOMORROW
        )
        sources.add(answer.source)
        assert answer.from_ns == since_ns // MINUTE * MINUTE
        assert answer.to_ns == -(-until_ns // MINUTE) * MINUTE
        durations = sorted(took for start, took in scattered if answer.from_ns <= start < answer.to_ns)
        if not durations:
            assert answer.rows == ()
            continue
        (row,) = answer.rows
        assert (row.calls, row.total_ns) == (len(durations), sum(durations))
        assert (row.min_ns, row.max_ns) == (durations[0], durations[-1])
        median = durations[math.ceil(len(durations) / 2) - 1]
        assert abs(row.p50_ns - median) <= PROMISE * median
    assert sources == {"rollup_1m", "rollup_1h"}


def test_hours_are_the_same_in_every_time_zone(tmp_path):
    """A process in a half-hour zone stores hours that the windows of a process in UTC are made of."""
    code = """
import asyncio, pathlib, sys
from spanhouse_backend.store.embedded import Embedded
from otlp_requests import request
from query_house import HOUR, MINUTE, MONDAY_10H, QueryHouse
with QueryHouse(Embedded(pathlib.Path(sys.argv[1]))) as house:
    if sys.argv[2] == "write":
        house.insert(request("zoned", [1000], start_ns=MONDAY_10H + 10 * MINUTE))
        house.insert(request("zoned", [2000], start_ns=MONDAY_10H + 50 * MINUTE))
    for hour in (-1, 0, 1):
        since, until = (str((MONDAY_10H + h * HOUR) // 10**9) for h in (hour, hour + 1))
        answer = house.functions(since=since, until=until, now_ns=MONDAY_10H + 9 * HOUR)
        print(answer.source, sum(row.calls for row in answer.rows))
"""
    for zone, verb in (("Asia/Kolkata", "write"), ("UTC", "read")):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "data"), verb],
            env=clean_environment(TZ=zone, PYTHONPATH="tests"),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.splitlines() == ["rollup_1h 0", "rollup_1h 2", "rollup_1h 0"], zone


def test_a_function_whose_statistics_are_not_there_yet_reads_its_buckets(house):
    """Views are filled one after the other, so a query can come between them."""
    house.run(
        house.store.fetch(
            "INSERT INTO span_durations_1m "
            "SELECT 'half', 'f', 'Internal', 'Unset', toDateTime(1767607200), 639, 3, 3000",
            {},
        )
    )
    row = house.only_row(service="half", since="1767607200", until="1767607260", now_ns=TOMORROW)
    midpoint = round(2 ** (639.5 / 64))
    assert (row.calls, row.min_ns, row.p50_ns, row.max_ns) == (3, midpoint, midpoint, midpoint)
    assert (row.mean_ns, row.stderr_ns, row.slowest_trace_id) == (1000, 0, "")


@pytest.fixture(scope="module")
def assorted(house):
    """Twenty functions of one service, some of them equal in some columns."""
    pick = random.Random(20)
    for index in range(20):
        message = request("assorted", [pick.randrange(1, 10**6) for _ in range(index % 7 + 1)], name=f"f{index}")
        for span in message.resource_spans[0].scope_spans[0].spans[: index % 3]:
            span.status.code = Status.STATUS_CODE_ERROR
        for span in message.resource_spans[0].scope_spans[0].spans:
            span.start_time_unix_nano, span.end_time_unix_nano = (
                MONDAY_10H,
                MONDAY_10H + span.end_time_unix_nano - span.start_time_unix_nano,
            )
        house.insert(message)


@pytest.mark.parametrize("sort", SORTS)
def test_numbers_sort_downwards_and_names_upwards_with_ties_by_name(house, assorted, sort):
    rows = list(house.functions(service="assorted", sort=sort, now_ns=TOMORROW).rows)
    assert len(rows) == 20

    def key(row):
        value = getattr(row, sort)
        return (value if isinstance(value, str) else -value, row.name)

    assert rows == sorted(rows, key=key)


def test_every_column_but_the_trace_can_be_sorted_by():
    assert {*SORTS, "slowest_trace_id"} == {field.name for field in fields(FunctionRow)}


def test_a_limit_keeps_the_first_rows(house, assorted):
    every = house.functions(service="assorted", sort="calls", now_ns=TOMORROW).rows
    assert house.functions(service="assorted", sort="calls", limit="3", now_ns=TOMORROW).rows == every[:3]


@pytest.mark.parametrize(
    "service", ["quo'te", 'dou"ble', "back\\slash", "tab\tnew\nline", "{x:String}", "%s", "日本語"]
)
def test_a_service_is_compared_as_it_is_written(house, service):
    """No spelling of a name reaches the statement as anything but a value."""
    house.insert(request(service, [1000], start_ns=MONDAY_10H))
    assert house.only_row(service=service, now_ns=TOMORROW).service == service


def test_an_unknown_service_is_an_empty_answer(house):
    assert house.functions(service="' OR 1=1 --", now_ns=TOMORROW).rows == ()
