import asyncio
import contextlib
import math
import random
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import spanhouse
from spanhouse import histogram
from spanhouse.statistics import Statistics
from spanhouse.testing import captured_spans

DISTRIBUTIONS = {
    "lognormal": lambda rng: rng.lognormvariate(12, 2),
    "pareto": lambda rng: 1000 * rng.paretovariate(1.2),
    "bimodal": lambda rng: rng.gauss(2_000, 50) if rng.random() < 0.9 else rng.gauss(5e8, 1e6),
    "constant": lambda _rng: 1_234_567,
    "two points": lambda rng: rng.choice((1_000, 3_000_000_000)),
    "uniform": lambda rng: rng.uniform(1, 1e6),
    "exponential": lambda rng: rng.expovariate(1e-6),
    "tiny": lambda rng: rng.randint(0, 3),
}
LEVELS = (0, 1, 25, 50, 75, 90, 95, 99, 99.9, 100)


@given(st.integers(1, 2**62))
def test_buckets_are_the_metrics_data_models(duration):
    """Metrics data model, "ExponentialHistogram": (base**i, base**(i+1)], base = 2**(2**-6), exact at powers of two."""
    bucket = histogram.bucket_of(duration)
    base = 2 ** (1 / 64)
    assert base**bucket < duration * (1 + 1e-12)
    assert duration <= base ** (bucket + 1) * (1 + 1e-12)
    if duration & (duration - 1) == 0:
        assert bucket == 64 * (duration.bit_length() - 1) - 1


@given(st.lists(st.integers(0, 2**62), max_size=200))
def test_many_are_counted_as_one_by_one(durations):
    """The pipeline of C functions and the formula agree."""
    buckets: Counter[int] = Counter()
    histogram.count_into(buckets, Counter(durations))
    assert buckets == Counter(map(histogram.bucket_of, durations))


@pytest.mark.parametrize("size", [1, 2, 10, 1_000, 100_000])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_percentiles_are_within_their_guarantee(name, size):
    """Every level against the exact order statistic of the same sample: at most 0.55% off, extremes exact."""
    rng = random.Random(f"{name}{size}")
    durations = [max(0, int(DISTRIBUTIONS[name](rng))) for _ in range(size)]
    statistics = Statistics("x")
    for duration in durations:
        statistics.add(duration)
    read = statistics.read()
    ordered = sorted(durations)
    for level in LEVELS:
        exact = ordered[max(0, math.ceil(level / 100 * size) - 1)]
        assert read.percentile_ns(level) == pytest.approx(exact, rel=0.0055), level
    assert (read.min_ns, read.max_ns, read.calls) == (ordered[0], ordered[-1], size)
    assert read.mean_ns == pytest.approx(sum(durations) / size)
    assert len(read.buckets) <= 64 * 64


def test_deviation_is_exact():
    """Against the textbook, where naive floating point would cancel."""
    statistics = Statistics("x")
    for offset in (4, 7, 13, 16):
        statistics.add(10**15 + offset)
    read = statistics.read()
    assert read.stddev_ns == pytest.approx(math.sqrt(30))
    assert read.stderr_ns == pytest.approx(math.sqrt(30) / 2)


def test_nothing_and_nonsense():
    """A name never called has zeros; a percentile beyond 100 or a function that is not captured is an error."""
    read = spanhouse.stats("never.called")
    assert (read.calls, read.p99_ns, read.mean_ns) == (0, 0.0, 0.0)
    with pytest.raises(ValueError, match="between 0 and 100"):
        read.percentile_ns(101)
    with pytest.raises(TypeError, match="not captured"):
        spanhouse.stats(len)


def test_stats_of_captured_functions_are_complete_as_of_the_call():
    """By function, method or name; errors; blocks and records; no flush is needed."""

    @spanhouse.capture(name="stats.work")
    def work(fail=False):
        if fail:
            raise ValueError("no")

    class Thing:
        @spanhouse.capture(name="stats.method")
        def method(self): ...

    with captured_spans():
        for _ in range(10):
            work()
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                work(fail=True)
        Thing().method()
        with spanhouse.span("stats.block"):
            pass
        spanhouse.record("stats.record", 1_000, 3_000)
    read = spanhouse.stats(work)
    assert (read.calls, read.errors, read.name) == (13, 3, "stats.work")
    assert read == spanhouse.stats("stats.work")
    assert 0 < read.min_ns <= read.p50_ns <= read.p999_ns <= read.max_ns <= read.total_ns
    assert spanhouse.stats(Thing().method).calls == spanhouse.stats(Thing.method).calls == 1
    assert spanhouse.stats("stats.block").calls == 1
    assert spanhouse.stats("stats.record").total_ns == 2_000
    assert "stats.work" in {row.name for row in spanhouse.all_stats()}


def test_calls_that_are_not_sampled_count():
    """Sampling decides about spans, not about statistics."""

    @spanhouse.capture(name="stats.unsampled")
    def work(): ...

    @spanhouse.capture(name="stats.unsampled.generator")
    def steps():
        yield work()

    with captured_spans(sampler=ALWAYS_OFF) as spans:
        for _ in range(5):
            work()
        list(steps())
        spanhouse.record("stats.unsampled.record", 1, 2)
    assert len(spans) == 0
    assert spanhouse.stats(work).calls == 6
    assert spanhouse.stats("stats.unsampled.generator").calls == 1
    assert spanhouse.stats("stats.unsampled.record").calls == 1


def test_threads_lose_no_call():
    """Eight threads, one name, folding all the while."""
    statistics = Statistics("x")

    def work():
        for _ in range(20_000):
            statistics.add(5, failed=True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        statistics.read()
    assert (statistics.read().calls, statistics.read().errors) == (160_000, 160_000)


@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF], ids=["sampled", "unsampled"])
def test_complete_as_of_the_call_under_threads(sampler):
    """A thread that has returned from n calls finds at least its n, whatever others do; in the end exactly all."""
    name = f"stats.threads.{sampler}"
    short = []

    @spanhouse.capture(name=name)
    def work(fail):
        if fail:
            raise KeyError

    @spanhouse.capture(name=f"{name}.steps")
    def steps():
        yield 1
        yield 2

    def run():
        for number in range(1, 1_001):
            with contextlib.suppress(KeyError):
                work(number % 10 == 0)
            list(steps())
            if number % 50 == 0 and (
                spanhouse.stats(work).calls < number or spanhouse.stats(f"{name}.steps").calls < number
            ):
                short.append(number)

    threads = [threading.Thread(target=run) for _ in range(8)]
    with captured_spans(sampler=sampler) as spans:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        read = spanhouse.stats(work)
    assert short == []
    assert (read.calls, read.errors) == (8_000, 800)
    assert sum(read.buckets.values()) == read.calls
    assert spanhouse.stats(f"{name}.steps").calls == 8_000
    assert len(spans) == (0 if sampler else 16_000)


@pytest.mark.parametrize("sampler", [None, ALWAYS_OFF], ids=["sampled", "unsampled"])
def test_generators_count_when_they_end(sampler):
    """Exhausted, closed, failed or dropped half-way, sync and async: one call each; none while still running."""
    name = f"stats.generators.{sampler}"

    @spanhouse.capture(name=name)
    def steps():
        yield 1
        yield 2

    @spanhouse.capture(name=f"{name}.later")
    async def later():
        yield 1
        await asyncio.sleep(0)
        yield 2

    async def consume():
        assert [item async for item in later()] == [1, 2]
        early = later()
        await anext(early)
        assert spanhouse.stats(f"{name}.later").calls == 1
        await early.aclose()
        failing = later()
        await anext(failing)
        with pytest.raises(LookupError):
            await failing.athrow(LookupError())

    with captured_spans(sampler=sampler):
        steps()  # never stepped: never called
        running = steps()
        next(running)
        assert spanhouse.stats(steps).calls == 0
        list(steps())
        running.close()
        assert spanhouse.stats(steps).calls == 2
        failing = steps()
        next(failing)
        with pytest.raises(LookupError):
            failing.throw(LookupError())
        asyncio.run(consume())
    assert (spanhouse.stats(steps).calls, spanhouse.stats(steps).errors) == (3, 1)
    found = spanhouse.stats(f"{name}.later")
    assert (found.calls, found.errors) == (3, 1)


def test_reset():
    """reset_stats forgets the calls, of one function or of all, and keeps counting."""

    @spanhouse.capture(name="stats.reset")
    def work(): ...

    @spanhouse.capture(name="stats.kept")
    def other(): ...

    with captured_spans():
        for one in (work, "stats.reset"):
            work()
            other()
            spanhouse.reset_stats(one)
            assert spanhouse.stats(work).calls == 0
        assert spanhouse.stats(other).calls == 2
        spanhouse.reset_stats("never.called")
        spanhouse.reset_stats()
        assert spanhouse.stats(other).calls == 0
        work()
    assert spanhouse.stats(work).calls == 1
    assert spanhouse.stats(work).forgotten == 2
    with pytest.raises(TypeError, match="not captured"):
        spanhouse.reset_stats(len)


def test_a_reset_among_calls_leaves_figures_that_agree():
    """While others call and ask: every reading is of whole calls, and each call is either counted or forgotten."""
    statistics = Statistics("x")

    def work():
        for _ in range(5_000):
            statistics.add(5)
            statistics.fold()

    threads = [threading.Thread(target=work) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            statistics.reset()
            found = statistics.read()
            assert sum(found.buckets.values()) == found.calls
            assert found.total_ns == 5 * found.calls
    finally:
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
    found = statistics.read()
    assert found.calls + found.forgotten == 20_000
