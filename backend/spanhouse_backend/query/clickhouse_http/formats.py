"""The formats that answers are written in here: those of raw SQL, and those that ClickHouse's clients ask for besides.

Still none that takes a schema or reads and writes a file.
"""

from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.query.sql_reader import MEDIA_TYPES

_JSON, _LINES = "application/json; charset=UTF-8", "application/x-ndjson; charset=UTF-8"
_TEXT = "text/plain; charset=UTF-8"
_MEDIA_TYPES = {
    **MEDIA_TYPES,
    "BSONEachRow": "application/octet-stream",
    "JSONColumnsWithMetadata": _JSON,
    "JSONCompactColumns": _JSON,
    "JSONCompactEachRowWithProgress": _LINES,
    "JSONCompactStrings": _JSON,
    "JSONCompactStringsEachRow": _LINES,
    "JSONCompactStringsEachRowWithNames": _LINES,
    "JSONCompactStringsEachRowWithNamesAndTypes": _LINES,
    "JSONEachRowWithProgress": _LINES,
    "JSONLines": _LINES,
    "JSONObjectEachRow": _JSON,
    "JSONStringsEachRowWithProgress": _LINES,
    "MsgPack": "application/octet-stream",
    "NDJSON": _LINES,
    "ORC": "application/octet-stream",
    "Pretty": _TEXT,
    "PrettyCompact": _TEXT,
    "PrettyCompactMonoBlock": _TEXT,
    "PrettyCompactNoEscapes": _TEXT,
    "PrettyJSONEachRow": _LINES,
    "PrettyMonoBlock": _TEXT,
    "PrettyNoEscapes": _TEXT,
    "PrettySpace": _TEXT,
    "TSKV": _TEXT,
    "TSVRaw": "text/tab-separated-values; charset=utf-8",
    "TabSeparatedRaw": "text/tab-separated-values; charset=utf-8",
    "XML": "application/xml; charset=UTF-8",
}
_EXACT_NAMES = {name.lower(): name for name in _MEDIA_TYPES}


def known_format(name: str) -> str:
    """ClickHouse's name of a format, whatever its case. Raises Refused."""
    if name.lower() not in _EXACT_NAMES:
        raise Refused(Code.UNKNOWN_FORMAT, f"{name[:100]!r} is not a format that answers are written in here")
    return _EXACT_NAMES[name.lower()]


def media_type(output_format: str) -> str:
    """What Content-Type calls one of them, or what somebody who may write has named."""
    return _MEDIA_TYPES.get(output_format, _TEXT)
