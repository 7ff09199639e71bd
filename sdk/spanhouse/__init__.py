"""spanhouse: which of my functions are slow, how often, and since when?"""

from spanhouse.capture import capture
from spanhouse.errors import CaptureError, ConfigurationError, SpanhouseError
from spanhouse.runtime import configure, exporter_status, flush, shutdown
from spanhouse_exporter.status import ExporterStatus

__all__ = [
    "CaptureError",
    "ConfigurationError",
    "ExporterStatus",
    "SpanhouseError",
    "capture",
    "configure",
    "exporter_status",
    "flush",
    "shutdown",
]
