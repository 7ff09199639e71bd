"""What the SDK may be told, read from the environment once into a frozen object."""

from collections.abc import Mapping
from dataclasses import dataclass

_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Everything the SDK reads from the environment, beside what the exporter reads itself."""

    enabled: bool = True
    """False: `capture` returns the function itself."""
    summary: bool = False
    """Print the table of functions when the process ends."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """`SPANHOUSE_ENABLED`, `SPANHOUSE_SUMMARY` and OpenTelemetry's `OTEL_SDK_DISABLED`."""
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    enabled = environ.get("SPANHOUSE_ENABLED", "").strip().lower() not in _FALSE
    summary = environ.get("SPANHOUSE_SUMMARY", "").strip().lower()
    return Settings(enabled=enabled and not disabled, summary=bool(summary) and summary not in _FALSE)
