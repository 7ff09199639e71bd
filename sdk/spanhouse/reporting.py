"""`spanhouse.report_stats`: statistics of this process to a database, a log or a metrics system of the program's own.

Everything that can be wrong about a sink is found here, when it is given; from then on nothing of it is raised.
"""

from __future__ import annotations

import inspect
import os
import threading
from typing import TYPE_CHECKING, Any

from spanhouse import runtime
from spanhouse.errors import ConfigurationError
from spanhouse.stats_reporter import StatsReporter
from spanhouse_exporter.environment import Environment

if TYPE_CHECKING:
    from spanhouse.stats_reporter import Sink

_DEFAULT_SECONDS = 60


def report_stats(sink: Sink, *, every_seconds: float | None = None, every_calls: int | None = None) -> StatsReporter:
    """Calls `sink`, on a thread of its own, with the calls that this process has made since it was last called.

    It is handed a list with a `FunctionStats` for each function that was called, every `every_seconds` seconds
    (else `SPANHOUSE_REPORT_SECONDS`, else 60), as soon as a look five times a second finds `every_calls` calls (else
    `SPANHOUSE_REPORT_CALLS`; without either only time counts), at `flush`, `shutdown` and the end of the process.
    What it raises is logged once a minute at most, and it is told of the same calls again: each call is told until a
    sink has returned from it. Calls before this one are not told. Raises ConfigurationError when an argument makes no
    sense.
    """
    environment = Environment(os.environ)
    if every_seconds is None:
        every_seconds = environment.integer("SPANHOUSE_REPORT_SECONDS", _DEFAULT_SECONDS, low=1)
    if every_calls is None:
        every_calls = environment.integer("SPANHOUSE_REPORT_CALLS", 0, low=0) or None
    _check(sink, every_seconds, every_calls)
    reporter = StatsReporter(sink, every_seconds, every_calls)
    runtime.unbind_all()  # the next captured call starts its thread
    return reporter


def _check(sink: Any, every_seconds: Any, every_calls: Any) -> None:
    if not callable(sink) or inspect.iscoroutinefunction(sink):
        raise ConfigurationError(f"report_stats() takes a function that is called without await, not {sink!r}")
    if not isinstance(every_seconds, int | float) or not 0 < every_seconds <= threading.TIMEOUT_MAX:
        raise ConfigurationError(f"report_stats(every_seconds=...) takes a number of seconds, not {every_seconds!r}")
    if every_calls is not None and (not isinstance(every_calls, int) or every_calls < 1):
        raise ConfigurationError(f"report_stats(every_calls=...) takes a whole number of calls, not {every_calls!r}")
