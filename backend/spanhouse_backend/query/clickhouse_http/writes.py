"""Statements that change something: what is done of them, for an administrator whom the server lets write.

Such a person may do whatever they like to the data: that is what the role and the option are for. What they may not do
is reach beyond it, to the files, the programs and the network of the machine that the server runs on, or to the server
itself; a token for a database is no login. So here nothing is checked but that. There is no syntax tree of these
statements to check, so words are looked for, anywhere in the statement, in comments and texts too: that refuses a few
honest statements, and a name that is written with escapes is refused for them. Rows that an INSERT brings are no part
of its statement.
"""

import re
from typing import NamedTuple

from spanhouse_backend.query.clickhouse_http.asked import joined
from spanhouse_backend.query.clickhouse_http.errors import ACCESS_DENIED, SYNTAX_ERROR, Refused

_BEGINNINGS = re.compile(
    "ALTER|CHECK|CREATE|DELETE|DESC|DESCRIBE|DETACH|DROP|EXCHANGE|EXISTS|EXPLAIN|INSERT|KILL|OPTIMIZE|RENAME|SELECT|"
    "SHOW|TRUNCATE|UPDATE|WITH"
)
_ANSWERING = re.compile("CHECK|DESC|DESCRIBE|EXISTS|EXPLAIN|KILL|SELECT|SHOW|WITH")
_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[A-Za-z0-9_ .]+"|`[A-Za-z0-9_ .]+`)'
# An INSERT whose rows follow, written so plainly that it cannot be read in two ways.
_INSERT = re.compile(
    rf"\s*INSERT\s+INTO\s+(?:TABLE\s+)?{_NAME}(?:\s*\.\s*{_NAME})?\s*"
    rf"(?:\(\s*{_NAME}(?:\.{_NAME})*(?:\s*,\s*{_NAME}(?:\.{_NAME})*)*\s*\)\s*)?"
    r"FORMAT\s+\w+[ \t]*(?:\r?\n|$)",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*\(*\s*([A-Za-z]+)", re.DOTALL)
# Followed by a bracket, these are table functions, functions, table engines, dictionary sources and backup places.
_REACHING = (
    "file|filecluster|url|urlcluster|s3|s3cluster|s3queue|gcs|oss|cosn|hdfs|hdfscluster|azureblobstorage|"
    "azureblobstoragecluster|azurequeue|iceberg|icebergs3|iceberglocal|icebergazure|deltalake|deltalakelocal|"
    "deltalakes3|hudi|paimon|remote|remotesecure|cluster|clusterallreplicas|mysql|postgresql|sqlite|mongodb|redis|odbc|"
    "jdbc|executable|executablepool|python|dictionary|joinget|evalmlmethod|catboostevaluate|ytsaurus|arrowflight|"
    "prometheusquery|timeseriesselector|filesystem|disk|http|clickhouse|cassandra|null_disk|kafka|rabbitmq|nats|"
    "materializedpostgresql|materializedmysql|embeddedrocksdb|filelog|externaldistributed|distributedlog|aigenerate|"
    "aiembed|hascolumnintable|getclienthttpheader|showcertificate|addresstoline|addresstosymbol|demangle|loop|backup"
)
_WORDS = re.compile(
    rf"""[`"]?\b(?:{_REACHING})\b[`"]?\s*(?:/\*.*?\*/\s*)*\("""
    r"|\b(?:INFILE|OUTFILE|SYSTEM\s+[A-Z]|BACKUP|RESTORE|NAMED\s+COLLECTION|DICTIONARY|CREATE\s+(?:OR\s+REPLACE\s+)?"
    r"(?:FUNCTION|USER|ROLE|WORKLOAD|RESOURCE)|ATTACH|GRANT|REVOKE|storage_policy|\bdisk\s*=|FilesystemCache|"
    r"ENGINE\s*=\s*(?:File|URL|S3|Kafka|Executable|EmbeddedRocksDB|SQLite|Redis|MySQL|PostgreSQL|MongoDB|Filesystem)\b)",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPED_NAME = re.compile(r"""[`"][^`"]*\\""")


class Written(NamedTuple):
    """A statement that may be run."""

    sql: str | bytes
    answers: bool
    """Whether it has an answer, which is written in a format."""


def written(query: str, body: bytes) -> Written:
    """The statement in `query` and `body` (rows, or all or the end of the statement). Raises Refused."""
    if _INSERT.fullmatch(query.rstrip()):
        return Written(query.rstrip().encode() + b"\n" + body, answers=False)
    if not query.strip() and _INSERT.match(_beginning(body)):
        return Written(body, answers=False)
    text = joined(query, body)
    _require_bounded_to_data(text)
    return Written(text, answers=_ANSWERING.fullmatch(_first_word(text)) is not None)


def _beginning(body: bytes) -> str:
    """What of a body can be the head of an INSERT: names are ASCII, whatever its rows are."""
    return body[: 64 * 1024].decode("latin-1")


def _first_word(text: str) -> str:
    match = _FIRST_WORD.match(text)
    return match[1].upper() if match else ""


def _require_bounded_to_data(text: str) -> None:
    first = _first_word(text)
    if not first:
        raise Refused(SYNTAX_ERROR, "there is no statement")
    if not _BEGINNINGS.fullmatch(first):
        raise Refused(ACCESS_DENIED, f"{first[:50]} is not open here, not to administrators either")
    if match := _WORDS.search(text):
        raise Refused(ACCESS_DENIED, f"{match[0][:50]!r} reaches beyond the data, which nobody may from here")
    if _ESCAPED_NAME.search(text):
        raise Refused(ACCESS_DENIED, "names with escapes are not taken: write them plainly")
