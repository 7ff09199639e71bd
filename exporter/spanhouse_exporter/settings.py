"""What the exporter may be told, read from the environment once into a frozen object.

Variables are those of the OpenTelemetry specification ("OpenTelemetry Protocol Exporter" and "Batch Span
Processor"). A value that makes no sense costs one warning that names the variable and what is used instead,
never an exception: configuration is no reason for a service not to start.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "http://localhost:4317"


@dataclass(frozen=True)
class ExporterSettings:
    """Everything the exporter needs to know; `from_environment` fills it."""

    endpoint: str = DEFAULT_ENDPOINT
    """URL (`http://`, `https://`) or gRPC target (`host:port`, `unix:...`)."""
    headers: tuple[tuple[str, str], ...] = ()
    """gRPC metadata, keys in lower case."""
    insecure: bool = False
    """Plaintext for a target without a scheme."""
    timeout_seconds: float = 10.0
    """For one request with all its attempts."""
    schedule_delay_seconds: float = 1.0
    """A finished span waits no longer than this."""
    max_batch_spans: int = 8192
    """A request is sent when this many spans wait, and carries no more."""
    max_batch_bytes: int = 3 * 1024 * 1024
    """A request is no larger: receivers refuse more than 4 MiB unless told otherwise."""
    max_queue_bytes: int = 64 * 1024 * 1024
    """Encoded spans waiting; beyond it new ones are dropped and counted."""


def from_environment(environ: Mapping[str, str], endpoint: str | None = None) -> ExporterSettings:
    """Settings from `OTEL_EXPORTER_OTLP_*` (traces before generic) and `OTEL_BSP_*`; `endpoint` wins over
    both.
    """
    defaults = ExporterSettings()

    def text(suffix: str) -> str:
        # An empty value is an unset one (specification, "Environment Variable Specification", "Empty value").
        return environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{suffix}") or environ.get(f"OTEL_EXPORTER_OTLP_{suffix}") or ""

    def number(name: str, default: float, low: float) -> float:
        raw = environ.get(name, "").strip()
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = low - 1
        if value < low:
            _logger.warning("%s=%r is not a number of at least %g: using %g", name, raw, low, default)
            return default
        return value

    return ExporterSettings(
        endpoint=endpoint or text("ENDPOINT") or defaults.endpoint,
        headers=_headers(text("HEADERS")),
        insecure=text("INSECURE").strip().lower() == "true",
        schedule_delay_seconds=number("OTEL_BSP_SCHEDULE_DELAY", defaults.schedule_delay_seconds * 1000, low=1) / 1000,
        max_batch_spans=int(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", defaults.max_batch_spans, low=1)),
    )


def _headers(raw: str) -> tuple[tuple[str, str], ...]:
    """`k=v,k2=v2`, values percent-encoded; a pair that is none is skipped without naming its value."""
    pairs = []
    for item in raw.split(","):
        key, equals, value = item.partition("=")
        if not item.strip():
            continue
        if not equals or not key.strip():
            _logger.warning("OTEL_EXPORTER_OTLP_HEADERS: an entry is not key=value and is ignored")
            continue
        pairs.append((unquote(key.strip()).lower(), unquote(value.strip())))
    return tuple(pairs)
