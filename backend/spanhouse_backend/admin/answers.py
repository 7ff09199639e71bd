"""What administrators are told; apart from who finds it out, so that the command line loads no engine to read it."""

from dataclasses import dataclass
from typing import NamedTuple

from spanhouse_backend.retention import Retention


@dataclass(frozen=True)
class StoredTable:
    """What one table holds; `oldest_unix_seconds` is its oldest row's, 0 when there is none."""

    name: str
    kind: str
    rows: int
    bytes_on_disk: int
    oldest_unix_seconds: int


class RetentionAnswer(NamedTuple):
    """What is in force, in seconds by kind, and what is stored."""

    kept: Retention
    tables: tuple[StoredTable, ...]
