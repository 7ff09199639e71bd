"""Statistics handed to a callable of the program's own, again and again: what `report_stats` starts.

A sink is told of every call once: it gets, for each function, the calls since it last returned. It runs on a daemon
thread, so that nobody whose call is counted waits for it, and what it raises is logged and otherwise ignored.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from spanhouse import forks, statistics
from spanhouse_exporter import process_end
from spanhouse_exporter.environment import Environment
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.settings import ExporterSettings
from spanhouse_exporter.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanhouse.function_stats import FunctionStats

    Sink = Callable[[list[FunctionStats]], object]
    """Takes the calls since it last returned, a row for each function that was called, by total time."""

_LOOK_SECONDS = 0.2
"""How often calls are counted for `every_calls`: the reporter looks, because a call that told it would be slower."""
_logger = logging.getLogger(__name__)


class StatsReporter:
    """Reports statistics of this process to one sink, until `shutdown`; `spanhouse.report_stats` makes it.

    Concurrency: only the worker's thread calls the sink and touches what was told, so neither needs a lock. Who waits
    puts a queue of his own into `_waiting`, which is atomic, before he wakes the worker; a round answers those who were
    there when it began, and a later one the others. In a forked child there is no thread and nothing to tell until its
    first captured call starts a worker of its own.
    """

    def __init__(self, sink: Sink, every_seconds: float, every_calls: int | None) -> None:
        self._sink = sink
        self._every_seconds = every_seconds
        self._every_calls = every_calls
        environment = Environment(os.environ)
        default = int(ExporterSettings.exit_seconds * 1000)
        self.exit_seconds: float = environment.integer("SPANHOUSE_EXIT_TIMEOUT", default, low=0) / 1000
        """How long the end of the process waits for the sink."""
        if environment.flag(environment.named("SPANHOUSE_FLUSH_ON_SIGTERM")):
            process_end.deliver_on_sigterm(_at_exit)
        self._notices = Notices(_logger)
        self._due_at = 0.0
        self._shut_down = False
        self._told: dict[str, FunctionStats] = {row.name: row for row in statistics.all_stats()}
        looks = every_seconds if every_calls is None else min(every_seconds, _LOOK_SECONDS)
        self._worker = Worker("spanhouse-report", self._begin, self._round, _never_park, looks)
        self._reset()
        _live.append(self)

    def _reset(self) -> None:
        self._waiting: list[SimpleQueue[bool]] = []
        self._seen = statistics.calls_seen()
        self._failed = self._started = False
        self._telling: int | None = None

    def flush(self, timeout: float = 10.0) -> bool:
        """Waits until the sink was told of every call that has returned.

        False when it raised, when `timeout` seconds passed, or within the sink itself.
        """
        return self.wait(self.ask(), timeout)

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Flushes, and stops for good, within `timeout` seconds; False when the sink was not told of all."""
        give_up = monotonic() + timeout
        told = self.flush(timeout)
        self._shut_down = True
        with suppress(ValueError):  # for the second time
            _live.remove(self)
        self._worker.stop(max(0.0, give_up - monotonic()))
        if not self._within_sink():
            self._answer(self._waiting[:], told=False)  # those who asked as it ended
        return told

    def start(self) -> None:
        """Makes sure that there is a thread; at a captured call, because a child of a fork has none until then."""
        if not self._started:
            self._started = True
            process_end.before_exit(self)
            self._worker.unpark()

    def ask(self) -> SimpleQueue[bool] | None:
        """Has the sink told now; what `wait` takes. None when there is nothing to wait for."""
        statistics.fold_all()
        if self._shut_down or (not self._started and statistics.calls_seen() == self._seen):
            return None
        answer: SimpleQueue[bool] = SimpleQueue()
        if self._within_sink():
            answer.put(False)
            return answer
        self.start()
        self._waiting.append(answer)
        self._worker.hurry()
        if not self._worker.running:
            self._answer([answer], told=False)
        return answer

    @staticmethod
    def wait(answer: SimpleQueue[bool] | None, timeout: float) -> bool:
        """Waits for the answer to `ask`."""
        try:
            return answer is None or answer.get(timeout=max(0.0, timeout))
        except Empty:
            return False

    def after_fork(self) -> None:
        """In the child: its calls are its own, and its first one starts a worker."""
        self._worker.after_fork()
        self._reset()

    def _within_sink(self) -> bool:
        return self._telling == threading.get_ident()

    def _begin(self) -> None:
        self._due_at = monotonic() + self._every_seconds

    def _round(self) -> bool:
        waiting = self._waiting[:]
        told = True
        if waiting or monotonic() >= self._due_at or self._enough_calls():
            told = self._tell()
            self._failed = not told
            self._due_at = monotonic() + self._every_seconds
        self._answer(waiting, told=told)
        return True

    def _answer(self, waiting: list[SimpleQueue[bool]], *, told: bool) -> None:
        for answer in waiting:
            answer.put(told)
            with suppress(ValueError):  # a round that ends as `shutdown` gives up has answered too
                self._waiting.remove(answer)

    def _enough_calls(self) -> bool:
        """A sink that has failed is told again at the interval: it is not made to fail five times a second."""
        if self._every_calls is None or self._failed:
            return False
        return statistics.calls_seen() - self._seen >= self._every_calls

    def _tell(self) -> bool:
        """Hands the sink what is new; what it has not taken is new the next time too."""
        seen = statistics.calls_seen()
        readings = {row.name: row for row in statistics.all_stats()}
        rows = [row.since(self._told[name]) if name in self._told else row for name, row in readings.items()]
        rows = sorted((row for row in rows if row.calls), key=lambda row: row.total_ns, reverse=True)
        if rows:
            self._telling = threading.get_ident()
            try:
                self._sink(rows)
            except BaseException as error:  # noqa: BLE001 - SystemExit too: a sink ends neither program nor reports
                message = "spanhouse: %r failed, and will be told of the same calls again"
                self._notices.warning("sink", message, self._sink, error=error)
                return False
            finally:
                self._telling = None
        self._told |= readings
        self._seen = seen
        return True


_live: list[StatsReporter] = []


def start_all() -> None:
    """Called where a captured function first runs in a process."""
    for reporter in _live[:]:
        reporter.start()


def ask_all() -> list[SimpleQueue[bool] | None]:
    """`StatsReporter.ask` of all, so that they work side by side; what `wait_for_all` takes."""
    return [reporter.ask() for reporter in _live[:]]


def wait_for_all(answers: list[SimpleQueue[bool] | None], timeout: float) -> bool:
    """Waits for the answers to `ask_all`."""
    give_up = monotonic() + timeout
    told = True
    for answer in answers:
        told = StatsReporter.wait(answer, give_up - monotonic()) and told
    return told


def shut_all_down(timeout: float) -> bool:
    """`StatsReporter.shutdown` of all, side by side."""
    give_up = monotonic() + timeout
    done = wait_for_all(ask_all(), timeout)
    for reporter in _live[:]:
        done = reporter.shutdown(max(0.0, give_up - monotonic())) and done
    return done


def any_live() -> bool:
    """Whether anything is reported."""
    return bool(_live)


def _never_park() -> bool:
    return False


def _at_exit() -> None:
    shut_all_down(max((reporter.exit_seconds for reporter in _live), default=0.0))


def _after_fork() -> None:
    for reporter in _live[:]:
        reporter.after_fork()


atexit.register(_at_exit)
forks.on_fork(_after_fork)
