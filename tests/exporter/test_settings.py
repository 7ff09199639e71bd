import math
from pathlib import Path

import pytest

from spanhouse_exporter.settings import DEFAULT_ENDPOINT, ExporterSettings, address_of, from_environment, target_of
from spanhouse_exporter.signals import LOGS, TRACES, Signal

QUIET = {"SPANHOUSE_SPOOL": "off"}


def read(signal: Signal = TRACES, **environ: str) -> ExporterSettings:
    return from_environment({**QUIET, **environ}, signal=signal)


SUFFIXES = {
    "ENDPOINT": ("http://generic:1", "http://traces:1", "endpoint", "http://traces:1"),
    "HEADERS": ("a=1", "b=2", "headers", (("b", "2"),)),
    "INSECURE": ("true", "false", "insecure", False),
    "TIMEOUT": ("20000", "5000", "timeout_seconds", 5.0),
    "COMPRESSION": ("gzip", "none", "gzip", False),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("signal", "other"), [(TRACES, LOGS), (LOGS, TRACES)], ids=["traces", "logs"])
def test_the_variable_of_the_signal_wins(suffix, signal, other):
    """OTLP exporter, "Configuration Options": the signal's over generic; headers replace rather than merge."""
    generic, own, field, expected = SUFFIXES[suffix]
    generic_only = {f"OTEL_EXPORTER_OTLP_{suffix}": generic}
    variables = {**generic_only, f"OTEL_EXPORTER_OTLP_{signal.name.upper()}_{suffix}": own}
    assert getattr(read(signal, **variables), field) == expected
    assert getattr(read(other, **variables), field) == getattr(read(other, **generic_only), field)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_variable_is_unset(suffix):
    """Environment variables, "Empty value": the generic one counts, and then the default."""
    generic, _traces, field, _expected = SUFFIXES[suffix]
    empty = {f"OTEL_EXPORTER_OTLP_TRACES_{suffix}": ""}
    with_generic = read(**empty, **{f"OTEL_EXPORTER_OTLP_{suffix}": generic})
    assert getattr(with_generic, field) == getattr(read(**{f"OTEL_EXPORTER_OTLP_{suffix}": generic}), field)
    assert read(**empty, **{f"OTEL_EXPORTER_OTLP_{suffix}": ""}) == read()


FILES = {
    "CERTIFICATE": "root_certificates",
    "CLIENT_KEY": "client_key",
    "CLIENT_CERTIFICATE": "client_certificate",
}


@pytest.mark.parametrize("suffix", FILES)
def test_the_files_of_the_signal_win(tmp_path, suffix):
    """The same for options that name files; an empty one is unset."""
    environ = {}
    for name in FILES:
        for kind in ("", "TRACES_"):
            path = tmp_path / f"{kind}{name}"
            path.write_text(path.name)
            environ[f"OTEL_EXPORTER_OTLP_{kind}{name}"] = str(path)
    field = FILES[suffix]
    assert getattr(read(**environ), field) == f"TRACES_{suffix}".encode()
    assert getattr(read(**{**environ, f"OTEL_EXPORTER_OTLP_TRACES_{suffix}": ""}), field) == suffix.encode()


def test_the_protocol_is_grpc_whatever_is_asked_for(caplog):
    """The variable of the signal is the one that is named; gRPC itself is asked for without a word."""
    asked = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}
    assert read(**asked) == read()
    (message,) = caplog.messages
    assert message.startswith("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
    assert read(OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="") == read()
    assert len(caplog.messages) == 1


def test_the_defaults():
    """OTLP exporter, "Configuration Options" and "Batch Span Processor": where nothing is set."""
    found = read()
    assert (found.endpoint, found.timeout_seconds, found.gzip) == ("http://localhost:4317", 10.0, False)
    assert (found.insecure, found.headers, found.max_request_bytes) == (False, (), 64 << 20)


@pytest.mark.parametrize("given", ["KEY", "CERTIFICATE"])
def test_half_of_a_client_certificate_is_none(tmp_path, caplog, given):
    """One warning that names both variables."""
    (tmp_path / "file").write_text("x")
    found = read(**{f"OTEL_EXPORTER_OTLP_CLIENT_{given}": str(tmp_path / "file")})
    assert (found.client_key, found.client_certificate) == (None, None)
    (message,) = caplog.messages
    assert {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"} <= set(
        message.replace(":", "").split()
    )
    assert "using no client certificate" in message


def test_an_argument_wins_over_the_environment():
    """OTLP exporter: code first."""
    found = from_environment({**QUIET, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:1"}, "http://given:2")
    assert found.endpoint == "http://given:2"


@pytest.mark.parametrize(
    ("endpoint", "insecure", "expected"),
    [
        ("http://localhost:4317", False, ("localhost:4317", False)),
        ("https://collector:4317/", True, ("collector:4317", True)),
        ("https://collector", False, ("collector:443", True)),
        ("http://[::1]:4317/v1/traces", False, ("[::1]:4317", False)),
        ("collector:4317", True, ("collector:4317", False)),
        ("collector:4317", False, ("collector:4317", True)),
        ("dns:///collector:4317", True, ("dns:///collector:4317", False)),
        ("unix:/run/otlp.sock", True, ("unix:/run/otlp.sock", False)),
        ("unix:///run/otlp.sock", False, ("unix:///run/otlp.sock", True)),
    ],
)
def test_the_scheme_decides_about_tls(endpoint, insecure, expected):
    """OTLP exporter, "Configuration Options": https and http override the insecure option."""
    assert target_of(endpoint, insecure=insecure) == expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://localhost:4317", ("localhost", 4317)),
        ("https://collector/", ("collector", 443)),
        ("http://[::1]:4317", ("::1", 4317)),
        ("dns:///collector:4317", ("collector", 4317)),
        ("unix:/run/otlp.sock", ("unix:/run/otlp.sock", None)),
    ],
)
def test_the_address_of_the_receiver(endpoint, expected):
    """Semantic conventions, "server.address" and "server.port" of whatever endpoint was given."""
    assert address_of(endpoint) == expected


@pytest.mark.parametrize(
    ("raw", "seconds", "warned"),
    [("0", 30.0, False), ("2500", 2.5, False), ("10", 10.0, True), ("-1", 10.0, True), ("soon", 10.0, True)],
)
def test_timeouts_are_milliseconds(caplog, raw, seconds, warned):
    """OTLP exporter: milliseconds, 0 for no limit of its own; a tiny value was meant in seconds."""
    assert read(OTEL_EXPORTER_OTLP_TIMEOUT=raw).timeout_seconds == seconds
    assert len(caplog.records) == warned
    assert read(OTEL_EXPORTER_OTLP_TIMEOUT="0", OTEL_BSP_EXPORT_TIMEOUT="0").timeout_seconds == math.inf


def test_headers_are_lower_case_and_percent_decoded(caplog):
    """OTLP exporter, "Specifying headers via environment variables"; a bad pair is skipped, its value not logged."""
    found = read(OTEL_EXPORTER_OTLP_HEADERS="Api-Key=a%20b%2Cc, x=1=2 ,,secret,k\N{LATIN SMALL LETTER E}=\x01")
    assert found.headers == (("api-key", "a b,c"), ("x", "1=2"))
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "raw", "field", "instead"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "endpoint", DEFAULT_ENDPOINT),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:port", "endpoint", DEFAULT_ENDPOINT),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://host:1", "endpoint", DEFAULT_ENDPOINT),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/nowhere/ca.pem", "root_certificates", None),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere/key.pem", "client_key", None),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "gzip", False),
        ("OTEL_EXPORTER_OTLP_INSECURE", "yes", "insecure", False),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "endpoint", DEFAULT_ENDPOINT),
        ("OTEL_BSP_SCHEDULE_DELAY", "-5", "schedule_delay_seconds", 1.0),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", "max_batch_items", 8192),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "max_queue_items", None),
        ("SPANHOUSE_SPOOL_MAX_BYTES", "-1", "spool_max_bytes", 256 << 20),
    ],
)
def test_what_makes_no_sense_costs_one_warning(caplog, name, raw, field, instead):
    """It names the variable and what is used instead; the program goes on."""
    assert getattr(read(**{name: raw}), field) == instead
    assert len(caplog.records) == 1
    assert name in caplog.text
    assert "using" in caplog.text


def test_a_batch_is_no_larger_than_the_queue(caplog):
    """Batch Span Processor: maxExportBatchSize is at most maxQueueSize."""
    found = read(OTEL_BSP_MAX_QUEUE_SIZE="100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="512")
    assert (found.max_queue_items, found.max_batch_items) == (100, 100)
    assert "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" in caplog.text
    assert read(OTEL_BSP_MAX_QUEUE_SIZE="100").max_batch_items == 100


@pytest.mark.parametrize("signal", [TRACES, LOGS], ids=["traces", "logs"])
def test_certificates_are_read_where_they_are_named(tmp_path, signal):
    """A client certificate works with the system's roots as with given ones."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    key.write_bytes(b"K")
    certificate.write_bytes(b"C")
    own = {f"OTEL_EXPORTER_OTLP_{signal.name.upper()}_CLIENT_CERTIFICATE": str(certificate)}
    found = read(signal, OTEL_EXPORTER_OTLP_CLIENT_KEY=str(key), **own)
    assert (found.root_certificates, found.client_key, found.client_certificate) == (None, b"K", b"C")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SPANHOUSE_SPOOL": "/var/spool/spans"}, Path("/var/spool/spans")),
        ({"SPANHOUSE_SPOOL": "OFF", "HOME": "/h"}, None),
        ({"XDG_DATA_HOME": "/data", "HOME": "/h"}, Path("/data/spanhouse/spool")),
        ({"XDG_DATA_HOME": "relative", "HOME": "/h"}, Path("/h/.local/share/spanhouse/spool")),
        ({"SPANHOUSE_SPOOL": "", "HOME": "/h"}, Path("/h/.local/share/spanhouse/spool")),
    ],
)
def test_where_the_spool_is(environ, expected):
    """The variable, else the user's data directory."""
    assert from_environment(environ).spool_directory == expected


def test_logs_have_a_batch_processor_of_the_sdks(caplog):
    """Batch LogRecord Processor: its export timeout bounds ours; the rest of OTEL_BLRP_* is read by the SDK, and
    OTEL_BSP_* is not about logs.
    """
    found = read(LOGS, OTEL_BLRP_EXPORT_TIMEOUT="3000", OTEL_BLRP_MAX_QUEUE_SIZE="many", OTEL_BSP_SCHEDULE_DELAY="soon")
    assert (found.timeout_seconds, found.max_queue_items) == (3.0, None)
    assert read(LOGS, OTEL_BSP_EXPORT_TIMEOUT="3000").timeout_seconds == 10.0
    assert not caplog.records


def test_the_spool_of_logs_is_a_folder_of_the_spool():
    """docs/spool.md: requests of logs are not among those of traces."""
    assert from_environment({"SPANHOUSE_SPOOL": "/s"}, signal=LOGS).spool_directory == Path("/s/logs")
    assert from_environment({"SPANHOUSE_SPOOL": "off"}, signal=LOGS).spool_directory is None


def test_logs_that_our_pipeline_batches(caplog):
    """The variables of the Batch LogRecord Processor are ours to read then, as those of spans are."""
    environ = {
        **QUIET,
        "OTEL_BLRP_SCHEDULE_DELAY": "250",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "100",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "soon",
    }
    found = from_environment(environ, signal=LOGS, batched_here=True)
    assert (found.schedule_delay_seconds, found.max_queue_items, found.max_batch_items) == (0.25, 100, 100)
    (warning,) = caplog.messages
    assert warning == "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=500 is more than the queue holds: using 100"
