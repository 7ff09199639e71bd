"""What can be set, read once at the edge into a frozen `Settings`.

serve_settings.py has the table of names, defaults and help; here is what their values mean. Nothing below the command
line looks at the environment.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from spanhouse_backend.clickhouse_address import CLUSTER_NAME, ClickHouseAddress, parse_url
from spanhouse_backend.errors import InvalidQuestion, SettingsError
from spanhouse_backend.namespace import parse_namespaces
from spanhouse_backend.retention import Retention, parse_retention
from spanhouse_backend.roles import Role, parse_roles
from spanhouse_backend.serve_settings import SERVE_SETTINGS

LogFormat = Literal["auto", "text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = ("auto", "text", "json")
Choice = TypeVar("Choice", bound=str)

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
    boards: Path | None
    namespaces: tuple[str, ...]
    """Beside the one without a name."""
    roles: frozenset[Role]
    """Whose work is done here, whoever asks."""
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


def default_data_directory() -> Path:
    """$XDG_DATA_HOME/spanhouse, which is ~/.local/share/spanhouse unless the user says otherwise."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "spanhouse"


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
        boards=_path(texts["boards"]),
        namespaces=parse_namespaces(texts["namespaces"], "--namespaces"),
        roles=parse_roles(texts["roles"], "--roles"),
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
