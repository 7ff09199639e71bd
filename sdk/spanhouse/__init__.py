"""spanhouse: which of my functions are slow, how often, and since when?"""

from spanhouse.blocks import record, span
from spanhouse.capture import capture
from spanhouse.errors import CaptureError, ConfigurationError, SpanhouseError
from spanhouse.provider import TracerProvider
from spanhouse.runtime import configure, exporter_status, flush, shutdown
from spanhouse.statistics import FunctionStats, all_stats, reset_stats, stats
from spanhouse.version import __version__
from spanhouse_exporter.status import ExporterStatus

__all__ = [
    "CaptureError",
    "ConfigurationError",
    "ExporterStatus",
    "FunctionStats",
    "SpanhouseError",
    "TracerProvider",
    "__version__",
    "all_stats",
    "capture",
    "configure",
    "exporter_status",
    "flush",
    "record",
    "reset_stats",
    "shutdown",
    "span",
    "stats",
]
