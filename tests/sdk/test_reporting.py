import json
import logging
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spanhouse
from spanhouse.statistics import Statistics
from spanhouse.testing import captured_spans

PATIENCE_SECONDS = 60


@pytest.fixture
def reporting():
    """`report_stats` whose reporters end with the test."""
    started = []

    def report(sink, **options):
        started.append(spanhouse.report_stats(sink, **options))
        return started[-1]

    with captured_spans():
        yield report
    for reporter in started:
        reporter.shutdown(5)


class Sink:
    """Adds up what it is told, and remembers how often it was told something."""

    def __init__(self):
        self.calls, self.errors, self.total_ns, self.times = {}, {}, {}, 0

    def __call__(self, rows):
        for row in rows:
            for sums, part in ((self.calls, row.calls), (self.errors, row.errors), (self.total_ns, row.total_ns)):
                sums[row.name] = sums.get(row.name, 0) + part
        self.times += 1


def until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_each_call_is_told_once(reporting):
    """Over many reports while threads call: what a sink was told adds up to the statistics of the process."""
    sink = Sink()
    reporter = reporting(sink, every_seconds=3600)

    @spanhouse.capture(name="report.once")
    def work(number):
        if number % 10 == 0:
            raise KeyError

    def run():
        for number in range(2_000):
            try:
                work(number)
            except KeyError:
                continue

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert reporter.flush(PATIENCE_SECONDS)
    assert spanhouse.flush(PATIENCE_SECONDS)
    found = spanhouse.stats(work)
    told = (sink.calls["report.once"], sink.errors["report.once"], sink.total_ns["report.once"])
    assert told == (found.calls, found.errors, found.total_ns) == (8_000, 800, found.total_ns)
    times = sink.times
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.times == times, "nothing new is not told"


def test_a_flush_waits_for_the_thread_that_another_is_starting(reporting, monkeypatch):
    """Between the two steps of the first call, which starts the reporter."""
    sink = Sink()
    reporter = reporting(sink, every_seconds=3600)
    starting, go_on, start = threading.Event(), threading.Event(), threading.Thread.start

    def slow_start(thread):
        if thread.name == "spanhouse-report":
            starting.set()
            assert go_on.wait(PATIENCE_SECONDS)
        start(thread)

    @spanhouse.capture(name="report.starting")
    def work():
        pass

    monkeypatch.setattr(threading.Thread, "start", slow_start)
    caller = threading.Thread(target=work)
    caller.start()
    assert starting.wait(PATIENCE_SECONDS)
    answers = []
    flusher = threading.Thread(target=lambda: answers.append(reporter.flush(PATIENCE_SECONDS)))
    flusher.start()
    until(lambda: reporter._waiting or answers)
    go_on.set()
    for thread in (caller, flusher):
        thread.join(PATIENCE_SECONDS)
    assert answers == [True]
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls["report.starting"] == 1


def test_calls_before_are_not_told_and_a_reset_forgets(reporting):
    """Reports begin where they were asked for; calls that `reset_stats` forgot are never told, those since then are."""

    @spanhouse.capture(name="report.reset")
    def work(): ...

    work()
    sink = Sink()
    reporter = reporting(sink, every_seconds=3600)
    work()
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls == {"report.reset": 1}
    work()
    spanhouse.reset_stats(work)
    for _ in range(3):
        work()
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls == {"report.reset": 4}


def test_rows_are_the_figures_of_the_time_between(reporting):
    """Mean, percentiles and extremes of a row are those of the calls since the last one, largest total first."""
    told = []
    reporter = reporting(told.extend, every_seconds=3600)
    for name, durations in (("report.small", [10]), ("report.large", [100, 200, 300])):
        for duration in durations:
            spanhouse.record(name, 1_000, 1_000 + duration)
    assert reporter.flush(PATIENCE_SECONDS)
    spanhouse.record("report.large", 0, 150)
    assert reporter.flush(PATIENCE_SECONDS)
    first, _small, last = told
    assert [row.name for row in told] == ["report.large", "report.small", "report.large"]
    assert (first.calls, first.mean_ns, first.max_ns) == (3, 200, 300)
    assert (last.calls, last.mean_ns, last.stderr_ns) == (1, 150, 0)
    assert last.p50_ns == pytest.approx(150, rel=0.0055)
    assert last.max_ns == pytest.approx(150, rel=0.0055)


def test_by_count(reporting):
    """`every_calls` has the sink told long before the interval."""
    sink = Sink()
    reporting(sink, every_seconds=3600, every_calls=5)

    @spanhouse.capture(name="report.count")
    def work(): ...

    for _ in range(4):
        work()
    time.sleep(1)  # several looks
    assert sink.times == 0
    work()
    until(lambda: sink.calls == {"report.count": 5})


def test_by_time_and_by_variables(reporting, monkeypatch):
    """Without arguments the variables say how often; what makes no sense there costs a warning."""
    monkeypatch.setenv("SPANHOUSE_REPORT_SECONDS", "1")
    monkeypatch.setenv("SPANHOUSE_REPORT_CALLS", "2")
    by_time, by_count = Sink(), Sink()
    reporting(by_time, every_calls=10**9)
    reporting(by_count, every_seconds=3600)

    @spanhouse.capture(name="report.time")
    def work(): ...

    work()
    until(lambda: by_time.calls == {"report.time": 1})
    assert by_count.times == 0
    work()
    until(lambda: by_count.calls == by_time.calls == {"report.time": 2})


def test_variables_that_make_no_sense(reporting, monkeypatch, caplog):
    """They are named in a warning, and the defaults hold: configuration never keeps a program from starting."""
    monkeypatch.setenv("SPANHOUSE_REPORT_SECONDS", "soon")
    monkeypatch.setenv("SPANHOUSE_REPORT_CALLS", "-1")
    reporting(print)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "SPANHOUSE_REPORT_SECONDS='soon'" in caplog.text
    assert "SPANHOUSE_REPORT_CALLS='-1'" in caplog.text


async def awaited(rows):
    """A sink that would never be awaited."""


@pytest.mark.parametrize(
    ("sink", "options"),
    [
        (None, {}),
        (awaited, {}),
        (print, {"every_seconds": 0}),
        (print, {"every_seconds": math.inf}),
        (print, {"every_seconds": "60"}),
        (print, {"every_calls": 0}),
        (print, {"every_calls": 2.5}),
    ],
)
def test_nonsense_is_refused(sink, options):
    """Where the sink is given, not later on a thread that nobody sees."""
    with pytest.raises(spanhouse.ConfigurationError, match="report_stats"):
        spanhouse.report_stats(sink, **options)


def test_a_sink_that_raises_is_told_again(reporting, caplog):
    """It hurts nobody, the log says so once, and no call is lost: the next time it is told of both."""
    sink, broken = Sink(), True

    def fragile(rows):
        if broken:
            raise SystemExit("no")
        sink(rows)

    reporter = reporting(fragile, every_seconds=3600, every_calls=1)

    @spanhouse.capture(name="report.raises")
    def work(): ...

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            work()
            assert reporter.flush(PATIENCE_SECONDS) is False
            assert spanhouse.flush(PATIENCE_SECONDS) is False
    (record,) = caplog.records
    assert "fragile" in record.getMessage()
    assert record.exc_info[0] is SystemExit
    broken = False
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls == {"report.raises": 3}


def test_a_slow_sink_delays_nobody(reporting):
    """Calls go on while it works; who waits for it gives up in time; what was called meanwhile is told next."""
    entered, go_on, sink = threading.Event(), threading.Event(), Sink()

    def slow(rows):
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)
        sink(rows)

    reporter = reporting(slow, every_seconds=3600)

    @spanhouse.capture(name="report.slow")
    def work(): ...

    work()
    assert reporter.flush(0.01) is False
    assert entered.wait(PATIENCE_SECONDS)
    for _ in range(1000):
        work()
    go_on.set()
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls == {"report.slow": 1001}


def test_within_the_sink_nothing_waits_for_it(reporting):
    """A sink that flushes, or ends its own reports, gets an answer at once rather than waiting for itself."""
    answers = []

    def sink(_rows):
        answers.append(reporter.flush(PATIENCE_SECONDS * 10))
        answers.append(reporter.shutdown(PATIENCE_SECONDS * 10))

    reporter = reporting(sink, every_seconds=3600)
    spanhouse.record("report.within", 0, 1)
    assert reporter.flush(PATIENCE_SECONDS)
    assert answers == [False, False]


def test_after_shutdown_nothing_is_told(reporting):
    """The last calls are told at shutdown, later ones never; shutting down twice does no harm."""
    sink = Sink()
    reporter = reporting(sink, every_seconds=3600)
    spanhouse.record("report.end", 0, 1)
    assert reporter.shutdown(PATIENCE_SECONDS)
    spanhouse.record("report.end", 0, 1)
    assert reporter.shutdown(PATIENCE_SECONDS)
    assert reporter.flush(PATIENCE_SECONDS)
    assert sink.calls == {"report.end": 1}


def test_nothing_called_needs_no_thread(reporting):
    """A program that calls nothing is left alone, and waits for nobody."""
    before = set(threading.enumerate())
    assert reporting(print, every_seconds=3600).flush(PATIENCE_SECONDS)
    assert not set(threading.enumerate()) - before  # others may have ended meanwhile


def run(script, *arguments, **environ):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
        env={**os.environ, "OTEL_TRACES_SAMPLER": "always_off", **environ},  # nobody is there to take spans
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_end_of_the_process_tells_the_rest():
    """Without a flush, long before the interval."""
    done = run(
        """
        import spanhouse
        spanhouse.report_stats(lambda rows: print([(row.name, row.calls) for row in rows]))

        @spanhouse.capture(name="work")
        def work(): ...

        for _ in range(3):
            work()
        """
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[('work', 3)]\n", "", 0)


def test_a_sink_that_hangs_does_not_keep_the_process():
    """It ends within its time for that, with its own exit code."""
    done = run(
        """
        import sys, time
        import spanhouse
        spanhouse.report_stats(lambda rows: time.sleep(3600))
        spanhouse.record("work", 0, 1)
        sys.exit(3)
        """,
        SPANHOUSE_EXIT_TIMEOUT="200",
    )
    assert (done.stderr, done.returncode) == ("", 3)


def test_sigterm_where_flushing_was_asked_for():
    """With the variable that has spans delivered, sinks are told too, and the process still ends by the signal."""
    script = """
        import os, signal, time
        import spanhouse
        spanhouse.report_stats(lambda rows: print([(row.name, row.calls) for row in rows], flush=True))
        spanhouse.record("work", 0, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        """
    done = run(script, SPANHOUSE_FLUSH_ON_SIGTERM="true")
    assert (done.stdout, done.stderr, done.returncode) == ("[('work', 1)]\n", "", -signal.SIGTERM)
    done = run(script)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", -signal.SIGTERM)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("way", ["fork", "multiprocessing"])
def test_children_of_a_fork_tell_their_own_calls(tmp_path, way):
    """Parent and children each tell what they called, however they were forked: nothing is lost, nothing told twice.

    The fork happens while the parent has calls that it has not told, and while its thread is within the sink.
    """
    done = run(
        """
        import json, multiprocessing, os, sys, threading, time, warnings
        import spanhouse
        warnings.simplefilter("ignore")
        folder, way = sys.argv[1:]
        within = threading.Event()

        def sink(rows):
            if os.getpid() == parent:
                within.set()
                time.sleep(0.2)
            with open(os.path.join(folder, str(os.getpid())), "a") as file:
                print(json.dumps([row.calls for row in rows]), file=file)

        @spanhouse.capture(name="work")
        def work(): ...

        def child(calls):
            for _ in range(calls):
                work()

        parent = os.getpid()
        reporter = spanhouse.report_stats(sink, every_calls=1)
        child(7)
        assert within.wait(30)
        child(2)
        if way == "fork":
            if not os.fork():
                child(100)
                sys.exit()
            os.wait()
        else:
            processes = [multiprocessing.get_context("fork").Process(target=child, args=(100,)) for _ in range(2)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        child(1)
        """,
        str(tmp_path),
        way,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    told = [sum(sum(json.loads(line)) for line in file.read_text().splitlines()) for file in tmp_path.iterdir()]
    assert sorted(told) == ([10, 100] if way == "fork" else [10, 100, 100])


DURATIONS = st.lists(st.integers(0, 2**40), max_size=60)


@given(DURATIONS, DURATIONS)
def test_the_time_between_two_readings(before, between):
    """Sums, mean and deviation as if only those calls had been; extremes and percentiles within their guarantee."""
    statistics, alone = Statistics("x"), Statistics("x")
    for duration in before:
        statistics.add(duration)
    earlier = statistics.read()
    for duration in between:
        statistics.add(duration, failed=duration % 2 == 1)
        alone.add(duration, failed=duration % 2 == 1)
    found, expected = statistics.read().since(earlier), alone.read()
    for exact in ("calls", "errors", "total_ns", "squares_ns2", "buckets", "mean_ns", "stddev_ns", "stderr_ns"):
        assert getattr(found, exact) == getattr(expected, exact), exact
    for near in ("min_ns", "max_ns", "p50_ns"):
        wanted = getattr(expected, near)
        assert abs(getattr(found, near) - wanted) <= 0.0055 * wanted + 0.5, near  # whole nanoseconds


def test_only_earlier_readings_of_the_same_function_can_be_taken_away():
    """Anything else is an error, not a negative number of calls."""
    statistics = Statistics("x")
    statistics.add(1)
    one = statistics.read()
    statistics.add(1)
    two = statistics.read()
    with pytest.raises(ValueError, match="no earlier reading"):
        one.since(two)
    with pytest.raises(ValueError, match="no earlier reading"):
        two.since(Statistics("y").read())
    statistics.reset()
    statistics.add(5)
    assert statistics.read().since(two).total_ns == 5
    with pytest.raises(ValueError, match="no earlier reading"):
        two.since(statistics.read())


def test_a_sink_that_hangs_costs_no_spans(tmp_path):
    """Shutting down gives spans their time, however long the sink takes."""
    done = run(
        """
        import threading
        import spanhouse
        spanhouse.report_stats(lambda rows: threading.Event().wait())

        @spanhouse.capture
        def work(): pass

        for _ in range(3):
            work()
        print(spanhouse.shutdown(2.0), spanhouse.exporter_status().spooled, dict(spanhouse.exporter_status().dropped))
        """,
        OTEL_TRACES_SAMPLER="always_on",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",  # where nobody listens
        SPANHOUSE_SPOOL=str(tmp_path / "spool"),
        SPANHOUSE_EXIT_TIMEOUT="100",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False 3 {}"), done.stderr
