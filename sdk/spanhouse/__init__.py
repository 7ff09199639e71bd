"""spanhouse: which of my functions are slow, how often, and since when?"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spanhouse.blocks import record, span
from spanhouse.capture import capture
from spanhouse.errors import CaptureError, ConfigurationError, SpanhouseError
from spanhouse.function_stats import FunctionStats
from spanhouse.provider import TracerProvider
from spanhouse.reporting import report_stats
from spanhouse.runtime import configure, exporter_status, flush, shutdown
from spanhouse.statistics import all_stats, reset_stats, stats
from spanhouse.stats_reporter import StatsReporter
from spanhouse.version import __version__
from spanhouse_exporter.status import ExporterStatus

if TYPE_CHECKING:
    from spanhouse.events import EventsClient
    from spanhouse.log_handler import LogHandler
    from spanhouse.query import AsyncClient, Client

__all__ = [
    "AsyncClient",
    "CaptureError",
    "Client",
    "ConfigurationError",
    "EventsClient",
    "ExporterStatus",
    "FunctionStats",
    "LogHandler",
    "SpanhouseError",
    "StatsReporter",
    "TracerProvider",
    "__version__",
    "all_stats",
    "capture",
    "configure",
    "exporter_status",
    "flush",
    "record",
    "report_stats",
    "reset_stats",
    "shutdown",
    "span",
    "stats",
]

_LATE = {
    "AsyncClient": "spanhouse.query",
    "Client": "spanhouse.query",
    "EventsClient": "spanhouse.events",
    "LogHandler": "spanhouse.log_handler",
}


def __getattr__(name: str) -> Any:
    """The clients and the log handler, loaded when they are first named: most services do without them."""
    module = _LATE.get(name)
    if module is not None:
        return getattr(import_module(module), name)
    raise AttributeError(f"module 'spanhouse' has no attribute {name!r}")
