"""What can be set, read once at the edge into a frozen `Settings`.

SERVE_SETTINGS is the single source: the options of `spanhouse serve`, their environment variables, defaults and
help, and docs/settings.md are all made from it. Nothing below the command line looks at the environment.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from spanhouse_backend.clickhouse_address import CLUSTER_NAME, ClickHouseAddress, parse_url
from spanhouse_backend.errors import InvalidQuestion, SettingsError
from spanhouse_backend.retention import DEFAULT_RETENTION, Retention, parse_retention, retention_text

LogFormat = Literal["auto", "text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = ("auto", "text", "json")
Choice = TypeVar("Choice", bound=str)

MIB = 1024 * 1024
MAX_PORT = 65535
# Clients wait ten seconds for an answer by default.
MAX_LINGER_MILLISECONDS = 5000
# Scheme, host and port as a browser sends them, any part of which may have wildcards.
_ORIGIN = re.compile(r"\*|[a-z*][a-z0-9+.*-]*://[^\s/?#@]+")


@dataclass(frozen=True)
class Address:
    """A host and port to listen on; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> "Address":
        """Reads HOST:PORT, or [HOST]:PORT for IPv6. Raises SettingsError naming `option`."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > MAX_PORT:
            raise SettingsError(
                f"{option}: {text!r} is not HOST:PORT with a port from 0 to {MAX_PORT}, such as 127.0.0.1:4317"
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TlsFiles(NamedTuple):
    """PEM files. With `client_ca`, clients without a certificate that it vouches for are turned away."""

    cert: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True)
class Settings:
    """How one server runs. Sizes are bytes of uncompressed OTLP."""

    data: Path
    clickhouse: ClickHouseAddress | None
    """In place of `data`."""
    grpc: Address
    http: Address
    clickhouse_http: Address | None
    clickhouse_http_writes: bool
    ready_file: Path | None
    spool: Path | None
    rules: Path | None
    tokens: Path | None
    tls: TlsFiles | None
    cors_origins: tuple[str, ...]
    max_request_bytes: int
    max_json_bytes: int
    max_group_bytes: int
    max_waiting_bytes: int
    min_free_bytes: int
    max_insert_memory: int
    max_connections: int
    max_span_age_seconds: int
    max_span_ahead_seconds: int
    linger_seconds: float
    query_timeout_seconds: int
    query_max_memory_bytes: int
    sql_timeout_seconds: int
    sql_max_rows: int
    sql_max_bytes: int
    sql_max_memory_bytes: int
    log_format: LogFormat
    log_level: str
    retention: Retention
    """Only what was given: the rest stays as the data directory has it."""
    fsync: bool

    @property
    def where(self) -> str:
        """Where the spans are kept, in words; never with a password."""
        return str(self.clickhouse or self.data)


class Setting(NamedTuple):
    """One row of the table: the option's name without dashes, and what it stands for."""

    name: str
    environment: str
    default: str
    metavar: str
    help: str


def default_data_directory() -> Path:
    """$XDG_DATA_HOME/spanhouse, which is ~/.local/share/spanhouse unless the user says otherwise."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "spanhouse"


SERVE_SETTINGS = (
    Setting(
        "data",
        "SPANHOUSE_DATA",
        "",
        "DIR",
        "Where the spans are kept. Made if it is not there. Default: spanhouse in your data directory "
        "(~/.local/share/spanhouse).",
    ),
    Setting(
        "clickhouse",
        "SPANHOUSE_CLICKHOUSE",
        "",
        "URL",
        "Keep the spans in a ClickHouse server instead: http(s)://USER@HOST:PORT/DATABASE. --data, --min-free-bytes "
        "and --fsync mean nothing then.",
    ),
    Setting(
        "clickhouse-password",
        "SPANHOUSE_CLICKHOUSE_PASSWORD",
        "",
        "TEXT",
        "The user's password. Other users of the machine can read options and URLs: the variable or the next one is "
        "better.",
    ),
    Setting(
        "clickhouse-password-file",
        "SPANHOUSE_CLICKHOUSE_PASSWORD_FILE",
        "",
        "FILE",
        "Read the password from the first line of this file.",
    ),
    Setting(
        "clickhouse-ca",
        "SPANHOUSE_CLICKHOUSE_CA",
        "",
        "FILE",
        "Trust a ClickHouse server that one of these authorities (PEM) signed, instead of the system's.",
    ),
    Setting(
        "clickhouse-cert",
        "SPANHOUSE_CLICKHOUSE_CERT",
        "",
        "FILE",
        "Show this certificate (PEM) to the ClickHouse server; the user is known by it, unless there is a password.",
    ),
    Setting("clickhouse-key", "SPANHOUSE_CLICKHOUSE_KEY", "", "FILE", "The private key of --clickhouse-cert (PEM)."),
    Setting(
        "clickhouse-verify",
        "SPANHOUSE_CLICKHOUSE_VERIFY",
        "on",
        "on|off",
        "Off, whoever answers is taken for the ClickHouse server, whatever certificate it has.",
    ),
    Setting(
        "clickhouse-connect-timeout",
        "SPANHOUSE_CLICKHOUSE_CONNECT_TIMEOUT",
        "10s",
        "AGE",
        "Give up a connection to ClickHouse that is not there after this time (10s, 1m).",
    ),
    Setting(
        "clickhouse-timeout",
        "SPANHOUSE_CLICKHOUSE_TIMEOUT",
        "60s",
        "AGE",
        "Give up waiting for ClickHouse's answer after this time. An insert whose answer did not come is repeated, and "
        "stored once.",
    ),
    Setting(
        "clickhouse-wait",
        "SPANHOUSE_CLICKHOUSE_WAIT",
        "30s",
        "AGE",
        "Wait this long at the start for a ClickHouse server that cannot be reached yet (0: not at all).",
    ),
    Setting(
        "cluster",
        "SPANHOUSE_CLUSTER",
        "",
        "NAME",
        "Spread the tables over this cluster of --clickhouse, as its configuration names it: sharded and replicated.",
    ),
    Setting(
        "grpc",
        "SPANHOUSE_GRPC",
        "127.0.0.1:4317",
        "HOST:PORT",
        "Listen here for OTLP and queries over gRPC. Port 0 takes a free one.",
    ),
    Setting(
        "http",
        "SPANHOUSE_HTTP",
        "127.0.0.1:4318",
        "HOST:PORT",
        "Listen here for OTLP and queries over HTTP. Port 0 takes a free one.",
    ),
    Setting(
        "clickhouse-http",
        "SPANHOUSE_CLICKHOUSE_HTTP",
        "127.0.0.1:8123",
        "HOST:PORT|off",
        "Listen here for ClickHouse's clients (Grafana, clickhouse-connect, ..) over HTTP, for statements that read. "
        "Port 0 takes a free one. With --clickhouse there is none: ask that server.",
    ),
    Setting(
        "clickhouse-http-writes",
        "SPANHOUSE_CLICKHOUSE_HTTP_WRITES",
        "off",
        "on|off",
        "Let ClickHouse's clients with a token of the role admin (without --tokens: all) write too, and change tables.",
    ),
    Setting(
        "ready-file",
        "SPANHOUSE_READY_FILE",
        "",
        "PATH",
        "Write the process id and the bound addresses here, as JSON, once requests are answered.",
    ),
    Setting(
        "spool",
        "SPANHOUSE_SPOOL",
        "",
        "DIR|off",
        "Take in the requests that clients left here while no server answered. Default: spanhouse/spool in your data "
        "directory.",
    ),
    Setting(
        "rules",
        "SPANHOUSE_RULES",
        "",
        "FILE",
        "Keep the rules of this file: judge them on a schedule and tell webhooks; `spanhouse check` tries it. Read "
        "again when it changes.",
    ),
    Setting(
        "tokens",
        "SPANHOUSE_TOKENS",
        "",
        "FILE",
        "Let in only those who send a token of this file, for what its roles allow; `spanhouse token` writes it. Read "
        "again when it changes.",
    ),
    Setting(
        "tls-cert",
        "SPANHOUSE_TLS_CERT",
        "",
        "FILE",
        "Speak TLS on all ports, with this certificate (PEM, followed by those between it and the root). Read again "
        "when it changes, and so are the next two.",
    ),
    Setting("tls-key", "SPANHOUSE_TLS_KEY", "", "FILE", "The certificate's private key (PEM, without a password)."),
    Setting(
        "tls-client-ca",
        "SPANHOUSE_TLS_CLIENT_CA",
        "",
        "FILE",
        "Let in only clients with a certificate that one of these authorities (PEM) signed: mutual TLS.",
    ),
    Setting(
        "cors-origins",
        "SPANHOUSE_CORS_ORIGINS",
        "",
        "ORIGIN,...",
        "Let web pages of these origins send OTLP over HTTP, such as https://shop.example.org, https://*.example.org "
        "or http://localhost:*. Default: none.",
    ),
    Setting(
        "max-request-bytes",
        "SPANHOUSE_MAX_REQUEST_BYTES",
        str(64 * MIB),
        "BYTES",
        "Refuse larger requests (after decompression) with RESOURCE_EXHAUSTED or 413.",
    ),
    Setting(
        "max-json-bytes",
        "SPANHOUSE_MAX_JSON_BYTES",
        str(16 * MIB),
        "BYTES",
        "Refuse larger requests in JSON with 413, and those that would take more than 16 times this memory to read.",
    ),
    Setting(
        "max-group-bytes",
        "SPANHOUSE_MAX_GROUP_BYTES",
        str(32 * MIB),
        "BYTES",
        "Join waiting requests into one insert up to this size.",
    ),
    Setting(
        "max-waiting-bytes",
        "SPANHOUSE_MAX_WAITING_BYTES",
        str(256 * MIB),
        "BYTES",
        "Refuse requests with RESOURCE_EXHAUSTED or 429, to be sent again, while more than this is being received or "
        "waits to be stored.",
    ),
    Setting(
        "max-insert-memory",
        "SPANHOUSE_MAX_INSERT_MEMORY",
        str(384 * MIB),
        "BYTES",
        "Let the engine take about this much memory for one insert, of which two may run: groups end there, and a "
        "request that alone would take more is refused with RESOURCE_EXHAUSTED or 413.",
    ),
    Setting(
        "max-connections",
        "SPANHOUSE_MAX_CONNECTIONS",
        "4096",
        "COUNT",
        "Hold this many connections at once over HTTP, and as many over gRPC, as far as the process may open files. "
        "Over HTTP, the one that has kept the server waiting longest gives way to a new one.",
    ),
    Setting(
        "min-free-bytes",
        "SPANHOUSE_MIN_FREE_BYTES",
        str(128 * MIB),
        "BYTES",
        "Refuse requests with UNAVAILABLE or 503, to be sent again, while the data directory's disk has less than this "
        "left. The default is room for the largest request on its way and in its tables; 0 uses the disk up.",
    ),
    Setting(
        "linger",
        "SPANHOUSE_LINGER",
        "100",
        "MILLISECONDS",
        "Let a small request wait this long after the last insert for others to join it (0: never). The first one "
        "after a pause never waits.",
    ),
    Setting(
        "max-span-age",
        "SPANHOUSE_MAX_SPAN_AGE",
        "3650d",
        "AGE",
        "Refuse spans that started, and log records and data points that were made, longer ago than this (30s, 15m, "
        "12h, 90d; 0 takes any).",
    ),
    Setting(
        "max-span-ahead",
        "SPANHOUSE_MAX_SPAN_AHEAD",
        "1d",
        "AGE",
        "Refuse spans that start, and log records and data points that were made, further in the future than this (0 "
        "takes any).",
    ),
    Setting(
        "query-timeout",
        "SPANHOUSE_QUERY_TIMEOUT",
        "30s",
        "AGE",
        "Stop a question (functions, series, ..) that takes longer than this (10s, 2m), waiting included.",
    ),
    Setting(
        "query-max-memory-bytes",
        "SPANHOUSE_QUERY_MAX_MEMORY_BYTES",
        str(1024 * MIB),
        "BYTES",
        "Stop a question that needs more memory than this.",
    ),
    Setting(
        "sql-timeout",
        "SPANHOUSE_SQL_TIMEOUT",
        "30s",
        "AGE",
        "Stop a raw SQL statement that takes longer than this (10s, 2m).",
    ),
    Setting(
        "sql-max-rows",
        "SPANHOUSE_SQL_MAX_ROWS",
        "1000000",
        "ROWS",
        "Stop a raw SQL statement whose answer has more rows than this.",
    ),
    Setting(
        "sql-max-bytes",
        "SPANHOUSE_SQL_MAX_BYTES",
        str(64 * MIB),
        "BYTES",
        "Stop a raw SQL statement whose answer is larger than this, before it is written in a format.",
    ),
    Setting(
        "sql-max-memory-bytes",
        "SPANHOUSE_SQL_MAX_MEMORY_BYTES",
        str(512 * MIB),
        "BYTES",
        "Stop a raw SQL statement that needs more memory than this, its written answer included.",
    ),
    Setting(
        "log-format",
        "SPANHOUSE_LOG_FORMAT",
        "auto",
        "auto|text|json",
        "How log records look: text for people, one JSON object a line for programs; auto is text on a terminal.",
    ),
    Setting(
        "log-level",
        "SPANHOUSE_LOG_LEVEL",
        "info",
        "debug|info|warning|error",
        "Log records of this importance and above.",
    ),
    Setting(
        "retention",
        "SPANHOUSE_RETENTION",
        "",
        "KIND=AGE,...",
        "Keep raw spans, rollups by minute and by hour, logs, metrics, and what was refused for this long (12h, 7d, "
        "2y, forever). What is not named stays as the data directory has it; a new one has "
        f"{retention_text(DEFAULT_RETENTION)}.",
    ),
    Setting(
        "fsync",
        "SPANHOUSE_FSYNC",
        "off",
        "on|off",
        "Acknowledge spans when they would survive a power failure. Off, they survive the end of the server, however "
        "it ends.",
    ),
)


def _bytes(text: str, option: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{option}: {text!r} is not a whole number of bytes")
    return int(text)


def _positive(text: str, option: str, unit: str = "bytes") -> int:
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{option}: {text!r} is not a positive whole number of {unit}")
    return int(text)


def _milliseconds(text: str, option: str) -> int:
    if not text.isdecimal() or int(text) > MAX_LINGER_MILLISECONDS:
        raise SettingsError(
            f"{option}: {text!r} is not a whole number of milliseconds from 0 to {MAX_LINGER_MILLISECONDS}"
        )
    return int(text)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"--cors-origins: {origin!r} is not an origin such as https://shop.example.org or http://localhost:*"
            )
    return origins


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _seconds(text: str, option: str) -> int:
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if text.strip() == "0":
        return 0
    if not number.isdecimal() or unit not in _UNITS:
        raise SettingsError(f"{option}: {text!r} is not an age such as 30s, 15m, 12h, 90d or 0")
    return int(number) * _UNITS[unit]


def _some_seconds(text: str, option: str) -> int:
    seconds = _seconds(text, option)
    if seconds == 0:  # to the engine it would mean no limit
        raise SettingsError(f"{option}: 0 is not a time in which anything can be answered; write 30s or 2m")
    return seconds


def _choice(text: str, option: str, choices: tuple[Choice, ...]) -> Choice:
    for choice in choices:
        if text.lower() == choice:
            return choice
    raise SettingsError(f"{option}: {text!r} is none of {', '.join(choices)}")


def _is_on(text: str, option: str) -> bool:
    return _choice(text, option, ("on", "off")) == "on"


def _address_or_off(text: str, option: str) -> Address | None:
    return None if text == "off" else Address.parse(text, option)


def _retention(text: str) -> Retention:
    try:
        return parse_retention(text) if text else {}
    except InvalidQuestion as error:
        raise SettingsError(f"--retention: {error.problem}") from error


def _spool(text: str) -> Path | None:
    if text == "off":
        return None
    return Path(text).expanduser() if text else default_data_directory() / "spool"


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _tls(texts: dict[str, str]) -> TlsFiles | None:
    cert, key, client_ca = (_path(texts[name]) for name in ("tls-cert", "tls-key", "tls-client-ca"))
    if cert and key:
        return TlsFiles(cert, key, client_ca)
    for given, missing in (("tls-cert", "tls-key"), ("tls-key", "tls-cert"), ("tls-client-ca", "tls-cert")):
        if texts[given]:
            raise SettingsError(f"--{given}: without --{missing} there is no TLS; give both")
    return None


def _clickhouse(texts: dict[str, str]) -> ClickHouseAddress | None:
    if not texts["clickhouse"]:
        for name in ("clickhouse-password-file", "clickhouse-ca", "clickhouse-cert", "clickhouse-key", "cluster"):
            if texts[name]:
                raise SettingsError(f"--{name}: without --clickhouse there is no server to use it for; give both")
        return None
    address = parse_url(texts["clickhouse"])
    ca, cert, key = (_readable(texts, name) for name in ("clickhouse-ca", "clickhouse-cert", "clickhouse-key"))
    if (ca or cert) and address.scheme == "http":
        raise SettingsError("--clickhouse: certificates need https://, and this is http://")
    if key and not cert:
        raise SettingsError("--clickhouse-key: without --clickhouse-cert it is of no use; give both")
    for option, name in (("--cluster", texts["cluster"]), ("--clickhouse", address.database)):
        if texts["cluster"] and not CLUSTER_NAME.fullmatch(name):
            raise SettingsError(f"{option}: on a cluster, {name[:100]!r} is not a name of letters, digits and _")
    connect, timeout = (
        _some_seconds(texts[name], f"--{name}") for name in ("clickhouse-connect-timeout", "clickhouse-timeout")
    )
    return replace(
        address,
        password=_password(texts) or address.password,
        ca=ca,
        cert=cert,
        key=key,
        verify=_choice(texts["clickhouse-verify"], "--clickhouse-verify", ("on", "off")) == "on",
        connect_timeout_seconds=connect,
        timeout_seconds=timeout,
        wait_seconds=_seconds(texts["clickhouse-wait"], "--clickhouse-wait"),
        cluster=texts["cluster"],
    )


def _password(texts: dict[str, str]) -> str:
    file = _readable(texts, "clickhouse-password-file")
    return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r") if file else texts["clickhouse-password"]


def _readable(texts: dict[str, str], name: str) -> Path | None:
    path = _path(texts[name])
    if path is not None:
        try:
            path.open("rb").close()
        except OSError as error:
            raise SettingsError(f"--{name}: cannot read {path}: {error.strerror or error}") from error
    return path


def read_settings(values: dict[str, str]) -> Settings:
    """Makes Settings of option texts by name (`values` lacks or has '' for what was not given).

    Raises SettingsError naming the option whose value cannot be used.
    """
    texts = {setting.name: values.get(setting.name) or setting.default for setting in SERVE_SETTINGS}
    settings = Settings(
        data=Path(texts["data"]).expanduser() if texts["data"] else default_data_directory(),
        clickhouse=_clickhouse(texts),
        grpc=Address.parse(texts["grpc"], "--grpc"),
        http=Address.parse(texts["http"], "--http"),
        # A ClickHouse server has such a port itself.
        clickhouse_http=(
            None if texts["clickhouse"] else _address_or_off(texts["clickhouse-http"], "--clickhouse-http")
        ),
        clickhouse_http_writes=_is_on(texts["clickhouse-http-writes"], "--clickhouse-http-writes"),
        ready_file=Path(texts["ready-file"]) if texts["ready-file"] else None,
        spool=_spool(texts["spool"]),
        rules=_path(texts["rules"]),
        tokens=_path(texts["tokens"]),
        tls=_tls(texts),
        cors_origins=_origins(texts["cors-origins"]),
        max_request_bytes=_positive(texts["max-request-bytes"], "--max-request-bytes"),
        max_json_bytes=_positive(texts["max-json-bytes"], "--max-json-bytes"),
        max_group_bytes=_positive(texts["max-group-bytes"], "--max-group-bytes"),
        max_waiting_bytes=_positive(texts["max-waiting-bytes"], "--max-waiting-bytes"),
        min_free_bytes=_bytes(texts["min-free-bytes"], "--min-free-bytes"),
        max_insert_memory=_positive(texts["max-insert-memory"], "--max-insert-memory"),
        max_connections=_positive(texts["max-connections"], "--max-connections", "connections"),
        max_span_age_seconds=_seconds(texts["max-span-age"], "--max-span-age"),
        max_span_ahead_seconds=_seconds(texts["max-span-ahead"], "--max-span-ahead"),
        linger_seconds=_milliseconds(texts["linger"], "--linger") / 1000,
        query_timeout_seconds=_some_seconds(texts["query-timeout"], "--query-timeout"),
        query_max_memory_bytes=_positive(texts["query-max-memory-bytes"], "--query-max-memory-bytes"),
        sql_timeout_seconds=_some_seconds(texts["sql-timeout"], "--sql-timeout"),
        sql_max_rows=_positive(texts["sql-max-rows"], "--sql-max-rows", "rows"),
        sql_max_bytes=_positive(texts["sql-max-bytes"], "--sql-max-bytes"),
        sql_max_memory_bytes=_positive(texts["sql-max-memory-bytes"], "--sql-max-memory-bytes"),
        log_format=_choice(texts["log-format"], "--log-format", LOG_FORMATS),
        log_level=_choice(texts["log-level"], "--log-level", ("debug", "info", "warning", "error")),
        retention=_retention(texts["retention"]),
        fsync=_is_on(texts["fsync"], "--fsync"),
    )
    if settings.max_waiting_bytes < settings.max_request_bytes:
        raise SettingsError(
            f"--max-waiting-bytes: {settings.max_waiting_bytes} is less than --max-request-bytes "
            f"({settings.max_request_bytes}), so the largest request could never be accepted"
        )
    return settings
