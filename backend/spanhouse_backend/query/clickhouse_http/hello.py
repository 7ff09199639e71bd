"""clickhouse-go's first question, answered by hand.

Every connection of that driver (and so of Grafana's data source) begins with

    SELECT displayName(), version(), revision(), timezone()

and decodes the answer as a Native block of protocol 54460, which is what it announces in `client_protocol_version`.
Whatever comes after is decoded as the revision in that answer says. The embedded engine writes Native as revision 0
has it while it reports a later one: so this answer is in the form of 54460 and says revision 0, and everything after
it goes through as the engine wrote it. Found in clickhouse-go, conn_http.go and lib/proto/block.go.
"""

import re

_QUESTION = re.compile(
    r"\s*SELECT\s+displayName\(\)\s*,\s*version\(\)\s*,\s*revision\(\)\s*,\s*timezone\(\)\s*;?\s*", re.IGNORECASE
)
_REVISION = 0
# Fields 1 (is_overflows: false) and 2 (bucket_num: -1), and the end of them.
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_PLAIN_COLUMN = b"\x00"  # of no custom serialization, which follows each type from revision 54454 on


def is_hello(statement: str) -> bool:
    """Whether this is that question, whatever the spaces in it."""
    return _QUESTION.fullmatch(statement) is not None


def hello(name: str, version: str, timezone: str) -> bytes:
    """The answer: one row, of three texts and a UInt32."""
    columns = (
        ("displayName()", b"String", _text(name)),
        ("version()", b"String", _text(version)),
        ("revision()", b"UInt32", _REVISION.to_bytes(4, "little")),
        ("timezone()", b"String", _text(timezone)),
    )
    parts = [_BLOCK_INFO, _varint(len(columns)), _varint(1)]
    for column, kind, value in columns:
        parts += [_text(column), _varint(len(kind)), kind, _PLAIN_COLUMN, value]
    return b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # seven bits a byte
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
