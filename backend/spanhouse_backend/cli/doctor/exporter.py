"""The variables that steer OpenTelemetry in programs that are started from here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from spanhouse_backend.cli.doctor.finding import Finding
from spanhouse_backend.cli.doctor.servers import listens
from spanhouse_backend.settings import Address

_OTLP = "OTEL_EXPORTER_OTLP_"
_PROTOCOLS = ("grpc", "http/protobuf", "http/json")
_DEFAULT_PORTS = {"grpc": 4317, "http": 4318}
_SPOKEN = {"grpc": "grpc", "http": "http/protobuf"}
_FALSE = frozenset({"false", "0", "no", "off"})
_FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
_NUMBERS = ("SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE")


def look_at_exporter(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What keeps spans from being made or from arriving; one line when nothing does."""
    found = [*_switches(environment), *_endpoint(environment), *_rest(environment)]
    yield from found
    if not any(finding.state == "wrong" for finding in found):
        named = sorted(name for name in environment if name.startswith("OTEL_"))
        yield Finding(
            "ok", "exporter", f"set are {', '.join(named)}" if named else "no OTEL_* variable is set: defaults"
        )


def _switches(environment: Mapping[str, str]) -> Iterator[Finding]:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield Finding("wrong", "capture", "OTEL_SDK_DISABLED=true: no spans are made", "unset it")
    if environment.get("SPANHOUSE_ENABLED", "").lower() in _FALSE:
        yield Finding("wrong", "capture", "SPANHOUSE_ENABLED is off: functions are not captured", "unset it")
    exporters = environment.get("OTEL_TRACES_EXPORTER", "")
    if exporters and not {"otlp", "spanhouse", "otlp_proto_grpc", "otlp_proto_http"} & set(exporters.split(",")):
        yield Finding(
            "wrong", "exporter", f"OTEL_TRACES_EXPORTER={exporters}: spans go elsewhere", "set it to otlp or spanhouse"
        )
    sampler, argument = environment.get("OTEL_TRACES_SAMPLER", ""), environment.get("OTEL_TRACES_SAMPLER_ARG", "")
    if sampler.endswith("always_off"):
        yield Finding("wrong", "sampler", f"OTEL_TRACES_SAMPLER={sampler}: no spans are made", "unset it")
    elif sampler.endswith("traceidratio") and argument:
        yield Finding("note", "sampler", f"only a share of {argument} of all traces is made: counts are of those alone")


def _endpoint(environment: Mapping[str, str]) -> Iterator[Finding]:
    protocol_name, protocol = _for_traces(environment, "PROTOCOL")
    if protocol and protocol not in _PROTOCOLS:
        yield Finding("wrong", "exporter", f"{protocol_name}={protocol}: there is none", f"use {', '.join(_PROTOCOLS)}")
        return
    name, text = _for_traces(environment, "ENDPOINT")
    kind = "http" if protocol.startswith("http") else "grpc"
    if not text:
        return
    url = urlsplit(text if "://" in text else f"//{text}")
    try:
        port = url.port or _DEFAULT_PORTS[kind]
    except ValueError:
        port = 0
    if not url.hostname or not port or url.scheme not in {"", "http", "https"}:
        yield Finding("wrong", "exporter", f"{name}={text} is no endpoint", "write it as http://127.0.0.1:4317")
        return
    yield from _mismatches(name, text, url, port, kind)
    if not listens(Address(url.hostname, port)):
        yield Finding(
            "wrong",
            "exporter",
            f"nobody listens at {name}={text}",
            "start what should; until then our exporter keeps spans in the spool, and others drop them",
        )


def _mismatches(name: str, text: str, url: SplitResult, port: int, kind: str) -> Iterator[Finding]:
    other = "http" if kind == "grpc" else "grpc"
    if port == _DEFAULT_PORTS[other]:
        yield Finding(
            "wrong",
            "exporter",
            f"{name}={text} is the usual port of OTLP over {other}, but {kind} is spoken",
            f"use port {_DEFAULT_PORTS[kind]}, or set {_OTLP}PROTOCOL={_SPOKEN[other]}",
        )
    if kind == "http" and "TRACES" in name and not url.path.endswith("/v1/traces"):
        yield Finding(
            "wrong", "exporter", f"{name}={text} has no path, and is taken as it is", "end it with /v1/traces"
        )


def _rest(environment: Mapping[str, str]) -> Iterator[Finding]:
    name, headers = _for_traces(environment, "HEADERS")
    for header in headers.split(",") if headers else ():
        if "=" not in header:
            # Its value may be a secret, and is not shown.
            yield Finding("wrong", "exporter", f"{name} has a part without =", "write it as name=value,name=value")
            break
    for end in _FILES:
        name, path = _for_traces(environment, end)
        if path and not Path(path).is_file():
            yield Finding("wrong", "exporter", f"{name}: there is no file {path}", "name one that is there (PEM)")
    for end in _NUMBERS:
        number = environment.get(f"OTEL_BSP_{end}", "")
        if number and not number.isdecimal():
            yield Finding("wrong", "exporter", f"OTEL_BSP_{end}={number} is not a whole number", "mend or unset it")


def _for_traces(environment: Mapping[str, str], end: str) -> tuple[str, str]:
    """The variable that counts for traces, and its value: the one for traces alone comes first."""
    own = f"{_OTLP}TRACES_{end}"
    name = own if environment.get(own) else f"{_OTLP}{end}"
    return name, environment.get(name, "").strip()
