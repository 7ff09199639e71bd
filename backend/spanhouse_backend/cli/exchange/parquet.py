"""Parquet files, written and read by the engine in a process of its own.

An engine holds one data directory for its process's whole life, and the command that exports may be the one that holds
it already. The file is one end of that process, lines of JSON are the other, and rows pass through block by block, so a
file may be larger than memory.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from spanhouse_backend.errors import SpanhouseError

_HERE = Path(__file__).parent
_MAX_COMPLAINT_CHARACTERS = 300


class ParquetError(SpanhouseError):
    """The engine cannot write or read the file; the text is the engine's."""


def write_parquet(rows: Iterable[Mapping[str, Any]], file: BinaryIO) -> None:
    """Writes spans, as GET /api/v1/spans gives them. Raises ParquetError."""
    with _engine("insert", "write_parquet.sql", subprocess.PIPE, file) as process, contextlib.suppress(BrokenPipeError):
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        for row in rows:
            process.stdin.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        process.stdin.close()


def read_parquet(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """The spans of a file that has the columns of otel_traces. Raises ParquetError."""
    with _engine("select", "read_parquet.sql", file, subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield from map(json.loads, process.stdout)


@contextlib.contextmanager
def _engine(kind: str, sql: str, stdin: BinaryIO | int, stdout: BinaryIO | int) -> "Iterator[subprocess.Popen[bytes]]":
    """The engine's process; it is waited for, or killed when what reads or writes it fails."""
    # -P: what lies beside the script is ours, and not what it means to import.
    command = [sys.executable, "-P", str(_HERE / "parquet_engine.py"), kind, str(_HERE / "sql" / sql)]
    with subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE) as process:  # noqa: S603 - ours
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        # It says nothing until it ends, and then little: no pipe can fill up while nobody reads it.
        complaint = process.stderr.read().decode(errors="replace") if process.stderr else ""
    if process.returncode:
        raise ParquetError(complaint.strip()[-_MAX_COMPLAINT_CHARACTERS:] or f"exit code {process.returncode}")
