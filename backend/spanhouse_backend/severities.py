"""OpenTelemetry's severities of log records: numbers from 1 to 24, four to a level; 0 is none.

They are those of its logs data model ("Severity fields"). What programs write is read in ingest, what people ask for in
query; both mean these.
"""

from types import MappingProxyType

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
"""From the least severe to the most."""
PER_LEVEL = 4
HIGHEST = len(LEVELS) * PER_LEVEL
OTHER_WORDS = MappingProxyType({"warning": "warn", "critical": "fatal"})
"""What Python, and many others, call a level."""


def level_of(severity_number: int) -> str:
    """The word for a severity; "" for none."""
    return LEVELS[min((severity_number - 1) // PER_LEVEL, len(LEVELS) - 1)] if severity_number > 0 else ""


def least_of(level: str) -> int:
    """The lowest number of one of LEVELS."""
    return LEVELS.index(level) * PER_LEVEL + 1
