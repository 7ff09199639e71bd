"""What the exporter may be told, read from the environment once into a frozen object.

Variables are those of the OpenTelemetry specification ("OpenTelemetry Protocol Exporter", "Batch Span Processor",
"Batch LogRecord Processor") and two of our own for the spool. A value that makes no sense costs one warning that
names the variable and what is used instead, never an exception: configuration is no reason for a service not to start.
"""

import logging
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from spanhouse_exporter.environment import Environment
from spanhouse_exporter.signals import TRACES, Signal

_logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "http://localhost:4317"
_NATIVE_SCHEMES = ("dns", "ipv4", "ipv6", "passthrough", "unix", "unix-abstract", "vsock", "xds")
"""gRPC Name Resolution: targets with these in front are gRPC's own."""
_LEAST_LIKELY_MILLISECONDS = 100
"""A smaller OTLP timeout was meant in seconds, which is how the stock Python exporter reads it."""


@dataclass(frozen=True)
class ExporterSettings:
    """Everything the exporter needs to know; `from_environment` fills it."""

    signal: Signal = TRACES
    """What is exported."""
    endpoint: str = DEFAULT_ENDPOINT
    """URL (`http://`, `https://`) or gRPC target (`host:port`, `unix:...`)."""
    headers: tuple[tuple[str, str], ...] = ()
    """gRPC metadata, keys in lower case."""
    insecure: bool = False
    """Plaintext for a target without a scheme."""
    root_certificates: bytes | None = None
    """PEM; None trusts what gRPC trusts."""
    client_key: bytes | None = None
    """PEM; with `client_certificate`, what the client proves itself with."""
    client_certificate: bytes | None = None
    """PEM."""
    gzip: bool = False
    """Compress requests."""
    timeout_seconds: float = 10.0
    """For one request with all its attempts and the waits between them."""
    schedule_delay_seconds: float = 1.0
    """A finished span, or a log record, waits no longer than this."""
    max_batch_items: int = 8192
    """A request is sent when this many spans or log records wait, and carries no more."""
    max_batch_bytes: int = 3 * 1024 * 1024
    """A request of more than one item is no larger: receivers refuse more than 4 MiB unless told otherwise."""
    max_request_bytes: int = 64 * 1024 * 1024
    """A request is never larger, before compression (OTLP, "OTLP/gRPC Request"): an item beyond it is dropped."""
    max_queue_bytes: int = 64 * 1024 * 1024
    """Encoded items waiting; beyond it new ones are dropped and counted."""
    max_queue_items: int | None = None
    """The same as a number of items; None bounds the queue by bytes alone."""
    max_in_flight: int = 4
    """Requests sent and not yet answered."""
    self_metrics: bool = False
    """Report on itself through the metrics API."""
    exit_seconds: float = 1.0
    """A process that ends waits no longer than this for its last items."""
    flush_on_sigterm: bool = False
    """Deliver before SIGTERM ends the process, where the program has no handler of its own."""
    spool_directory: Path | None = None
    """Where requests that cannot be delivered wait; None drops them."""
    spool_max_bytes: int = 256 * 1024 * 1024
    """Beyond it the oldest requests in the spool are dropped."""


def from_environment(
    environ: Mapping[str, str],
    endpoint: str | None = None,
    signal: Signal = TRACES,
    *,
    batched_here: bool = False,
) -> ExporterSettings:
    """Settings from `OTEL_EXPORTER_OTLP_*` (the signal's before generic ones), `OTEL_BSP_*` (for logs `OTEL_BLRP_*`)
    and `SPANHOUSE_SPOOL*`; `endpoint` wins over the environment.

    Where log records are batched by the SDK, that reads the variables of its batching itself, and leaves the timeout to
    the exporter. `batched_here` says that a pipeline of ours batches them, as it does spans.
    """
    read = Environment(environ, signal)
    default = ExporterSettings()
    name, protocol = read.otlp("PROTOCOL")
    if protocol not in ("", "grpc"):
        _logger.warning("%s=%r: spanhouse exports over gRPC only: using grpc", name, protocol)
    key = read.otlp("CLIENT_KEY")
    certificate = read.otlp("CLIENT_CERTIFICATE")
    if bool(key[1]) != bool(certificate[1]):
        _logger.warning("%s is set without %s: using no client certificate", *_set_and_unset(key, certificate))
        key = certificate = ("", "")
    client_key = read.file(key, "no client certificate")
    client_certificate = read.file(certificate, "no client certificate")
    has_client = client_key is not None and client_certificate is not None
    directory = spool_directory(environ)
    settings = ExporterSettings(
        signal=signal,
        endpoint=_endpoint(("endpoint", endpoint) if endpoint else read.otlp("ENDPOINT")),
        headers=read.pairs(read.otlp("HEADERS")),
        insecure=read.flag(read.otlp("INSECURE")),
        root_certificates=read.file(read.otlp("CERTIFICATE"), "the system's root certificates"),
        client_key=client_key if has_client else None,
        client_certificate=client_certificate if has_client else None,
        gzip=read.choice(read.otlp("COMPRESSION"), ("none", "gzip")) == "gzip",
        timeout_seconds=_timeout(read, signal, default.timeout_seconds),
        self_metrics=read.flag(read.named("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED")),
        exit_seconds=read.integer("SPANHOUSE_EXIT_TIMEOUT", int(default.exit_seconds * 1000), low=0) / 1000,
        flush_on_sigterm=read.flag(read.named("SPANHOUSE_FLUSH_ON_SIGTERM")),
        spool_directory=None if directory is None else directory / signal.spool_folder,
        spool_max_bytes=read.integer("SPANHOUSE_SPOOL_MAX_BYTES", default.spool_max_bytes, low=0),
    )
    if signal is not TRACES and not batched_here:
        return settings
    processor = signal.processor
    max_queue = read.integer(f"OTEL_{processor}_MAX_QUEUE_SIZE", 0, low=1) or None
    return replace(
        settings,
        schedule_delay_seconds=read.integer(f"OTEL_{processor}_SCHEDULE_DELAY", 1000, low=1) / 1000,
        max_batch_items=_batch_size(read, signal, default.max_batch_items, max_queue),
        max_queue_items=max_queue,
    )


def spool_directory(environ: Mapping[str, str]) -> Path | None:
    """`SPANHOUSE_SPOOL` ("off" is None), else spanhouse/spool in the user's data directory (XDG Base Directory)."""
    read = Environment(environ)
    chosen = read.text("SPANHOUSE_SPOOL")
    if chosen.lower() == "off":
        return None
    if find_spec("fcntl") is None:  # Windows: a file cannot be locked, and removed while it is, as the contract asks
        if chosen:
            _logger.warning("SPANHOUSE_SPOOL=%r: this system has no flock: using no spool", chosen)
        else:
            _logger.info("spanhouse: this system has no flock, so no spool: what cannot be delivered is dropped")
        return None
    if chosen:
        return Path(chosen).absolute()
    data = read.text("XDG_DATA_HOME")
    if not os.path.isabs(data):  # noqa: PTH117 - the specification: a relative path is to be ignored
        home = read.text("HOME") or os.path.expanduser("~")  # noqa: PTH111 - does not raise where there is no home
        if not os.path.isabs(home):  # noqa: PTH117
            return None
        data = f"{home}/.local/share"
    return Path(data) / "spanhouse" / "spool"


def target_of(endpoint: str, *, insecure: bool) -> tuple[str, bool]:
    """(gRPC target, whether to use TLS): `https` is TLS and `http` is not; otherwise `insecure` decides.

    OpenTelemetry specification, "OpenTelemetry Protocol Exporter", "Configuration Options". Raises ValueError when
    the endpoint is neither a URL with a host nor a gRPC target.
    """
    scheme, separator, rest = endpoint.partition(":")
    if separator and scheme.lower() in ("http", "https"):
        parts = urlsplit(endpoint)
        if not parts.hostname:
            raise ValueError("no host")
        secure = parts.scheme == "https"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{host}:{parts.port or (443 if secure else 80)}", secure
    if not endpoint or any(letter.isspace() for letter in endpoint):
        raise ValueError("no host")
    if rest.startswith("//") and scheme not in _NATIVE_SCHEMES:
        raise ValueError(f"{scheme} is not a scheme that gRPC knows")
    return endpoint, not insecure


def address_of(endpoint: str) -> tuple[str, int | None]:
    """(host or other address, port where it has one) of an endpoint that `target_of` takes."""
    target, _secure = target_of(endpoint, insecure=False)
    host, _, port = target.rpartition(":")
    if host and port.isdigit():
        return host.rpartition("/")[2].strip("[]"), int(port)
    return target, None


def _endpoint(variable: tuple[str, str]) -> str:
    name, raw = variable
    if not raw:
        return DEFAULT_ENDPOINT
    try:
        target_of(raw, insecure=True)
    except ValueError as error:
        _logger.warning("%s=%r cannot be used (%s): using %s", name, raw, error, DEFAULT_ENDPOINT)
        return DEFAULT_ENDPOINT
    return raw


def _timeout(read: Environment, signal: Signal, default_seconds: float) -> float:
    """Milliseconds in the specification, 0 for no limit; bounded by the batch processor's timeout in any case."""
    longest = read.integer(f"OTEL_{signal.processor}_EXPORT_TIMEOUT", 30_000, low=0) / 1000 or math.inf
    name, raw = read.otlp("TIMEOUT")
    try:
        value = float(raw or default_seconds * 1000)
        if not 0 <= value < math.inf:
            raise ValueError(raw)  # noqa: TRY301 - as for what is no number at all
    except ValueError:
        _logger.warning("%s=%r is not a number of milliseconds: using %g", name, raw, default_seconds * 1000)
        return min(default_seconds, longest)
    if 0 < value < _LEAST_LIKELY_MILLISECONDS:
        _logger.warning("%s=%r milliseconds is hardly meant: using %g seconds", name, raw, value)
        return min(value, longest)
    return min(value / 1000 or math.inf, longest)


def _batch_size(read: Environment, signal: Signal, default: int, max_queue: int | None) -> int:
    """At most the queue's size ("Batch Span Processor", "Batch LogRecord Processor")."""
    name = f"OTEL_{signal.processor}_MAX_EXPORT_BATCH_SIZE"
    size = read.integer(name, min(default, max_queue or default), low=1)
    if max_queue is not None and size > max_queue:
        _logger.warning("%s=%d is more than the queue holds: using %d", name, size, max_queue)
        return max_queue
    return size


def _set_and_unset(first: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    return (first[0], second[0]) if first[1] else (second[0], first[0])
