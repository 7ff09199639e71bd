"""Where a ClickHouse server is and how to speak to it, as read from `--clickhouse` and the options beside it.

A password is never part of what is shown: neither `str` nor `repr` of an address has one, and neither has an error.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from spanhouse_backend.errors import SettingsError

DEFAULT_PORTS = {"http": 8123, "https": 8443}
DEFAULT_USER = "default"
DEFAULT_DATABASE = "spanhouse"
CLUSTER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Of a cluster, and of a database on one: they are written into statements, so nothing in them needs quoting."""
_EXAMPLE = "https://user@host:8443/database"


@dataclass(frozen=True)
class ClickHouseAddress:
    """A database on a ClickHouse server, over HTTP. Times are seconds."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    ca: Path | None = None
    """Authorities (PEM) that vouch for the server, in place of the system's."""
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True
    connect_timeout_seconds: int = 10
    timeout_seconds: int = 60
    """How long one statement may take to be answered."""
    wait_seconds: int = 30
    """How long to wait at the start for a server that cannot be reached."""
    cluster: str = ""
    """The cluster that the tables are spread over, '' for one server."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.user}@{host}:{self.port}/{self.database}"


def parse_url(text: str) -> ClickHouseAddress:
    """Reads http(s)://USER:PASSWORD@HOST:PORT/DATABASE, of which only scheme and host are needed.

    Raises SettingsError, which repeats nothing of the text: part of it may be a password.
    """
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError as error:
        raise SettingsError("--clickhouse: the port is no number from 0 to 65535") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise SettingsError(f"--clickhouse: not a URL such as {_EXAMPLE}, with http or https and a host")
    if parts.query or parts.fragment:
        raise SettingsError(
            "--clickhouse: the URL ends with the database's name; what else there is to say has options of its own"
        )
    database = unquote(parts.path.strip("/")) or DEFAULT_DATABASE
    if "/" in database:
        raise SettingsError(f"--clickhouse: after the host comes the name of one database, as in {_EXAMPLE}")
    return ClickHouseAddress(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or DEFAULT_PORTS[parts.scheme],
        user=unquote(parts.username or DEFAULT_USER),
        password=unquote(parts.password or ""),
        database=database,
    )
