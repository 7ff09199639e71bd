"""What a request asks for, read from its address, its headers and its body as ClickHouse reads them."""

import re
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request

from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.query.clickhouse_http.settings import PROTOCOL
from spanhouse_backend.query.formats import qualities

_PARAMETER_PREFIX = "param_"
_QUERY_ID = re.compile(r"[\x21-\x7e]{1,200}")
# Of those that the engine writes and HTTP has a name for, the cheapest first.
_ENCODINGS = ("lz4", "zstd", "gzip")
# As ClickHouse has them.
_SESSION_SECONDS, _MAX_SESSION_SECONDS = 60.0, 3600
_DEFAULT_FORMAT = "TabSeparated"


class Asked(NamedTuple):
    """One request."""

    query: str
    """From the address; the body follows it."""
    parameters: Mapping[str, str]
    """Values of placeholders, by their names."""
    settings: Mapping[str, str]
    database: str
    output_format: str
    """What the answer is written in when the statement does not say."""
    session: str
    """The session of statements that write, '' for none."""
    session_seconds: float
    query_id: str
    encoding: str
    """Of the answer's Content-Encoding, '' for none."""
    compress: bool
    """Whether the answer is to be in ClickHouse's own compressed blocks."""
    decompress: bool
    """Whether the body is."""
    whole: bool
    """Whether the answer is to begin when the statement has ended."""


def asked_by(request: Request) -> Asked:
    """Reads everything but the body. Raises Refused."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if given.setdefault(name, value) != value:
            raise Refused(Code.BAD_ARGUMENTS, f"{name[:100]}: it is given twice, with different values")
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise Refused(Code.NOT_IMPLEMENTED, "multipart bodies are not taken: send the statement as the body")
    query_id = given.get("query_id") or secrets.token_hex(16)
    if not _QUERY_ID.fullmatch(query_id):
        raise Refused(
            Code.BAD_ARGUMENTS, "query_id: it is longer than 200 characters or has some that are not printable"
        )
    parameters = {
        name.removeprefix(_PARAMETER_PREFIX): value
        for name, value in given.items()
        if name.startswith(_PARAMETER_PREFIX)
    }
    settings = {
        name: value for name, value in given.items() if name not in PROTOCOL and not name.startswith(_PARAMETER_PREFIX)
    }
    return Asked(
        given.get("query", ""),
        parameters,
        settings,
        given.get("database") or request.headers.get("x-clickhouse-database", ""),
        given.get("default_format") or request.headers.get("x-clickhouse-format") or _DEFAULT_FORMAT,
        given.get("session_id", ""),
        _session_seconds(given.get("session_timeout", "")),
        query_id,
        "" if is_on(given.get("compress", "")) else _encoding(request, given),
        is_on(given.get("compress", "")),
        is_on(given.get("decompress", "")),
        is_on(given.get("wait_end_of_query", "")),
    )


def _session_seconds(text: str) -> float:
    if not text:
        return _SESSION_SECONDS
    if not text.isdecimal() or int(text) > _MAX_SESSION_SECONDS:
        raise Refused(
            Code.INVALID_SESSION_TIMEOUT, f"session_timeout: {text[:100]!r} is not 0 to {_MAX_SESSION_SECONDS}"
        )
    return float(text)


def _encoding(request: Request, given: Mapping[str, str]) -> str:
    """ClickHouse compresses only for who sets enable_http_compression, whatever Accept-Encoding says."""
    if not is_on(given.get("enable_http_compression", "")):
        return ""
    taken = qualities(request.headers.get("accept-encoding", ""))
    best = max(_ENCODINGS, key=lambda name: taken.get(name, 0.0))  # of equals the first
    return best if taken.get(best) else ""


def is_on(value: str) -> bool:
    """Whether a setting's value means yes."""
    return value.lower() in ("1", "true")


def joined(query: str, body: bytes) -> str:
    """The whole statement: what the address says, and behind it what the body says. Raises Refused."""
    try:
        return "\n".join(part for part in (query, body.decode()) if part.strip())
    except UnicodeDecodeError as error:
        raise Refused(Code.INCORRECT_DATA, "the statement is not UTF-8") from error
