"""Data directories for tests of the store, made and looked at by processes of their own: one process, one engine."""

import json
import subprocess
import sys
from pathlib import Path

from harness import PATIENCE_SECONDS, clean_environment

HERE = Path(__file__).parent
SCHEMAS = {1: HERE / "backend" / "store" / "schema_1.sql", 2: HERE / "backend" / "store" / "schema_2.sql"}
# Version 2 decoded requests by the same.
LANDING_1 = HERE / "backend" / "store" / "landing_1.proto"

PROLOGUE = """
import asyncio, json, logging, pathlib, sys
sys.path.insert(0, {tests!r})
import clickhouse_connect
from chdb import _chdb
from otlp_requests import request
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.migrations import MIGRATIONS, Migration
from spanhouse_backend.store.schema import statements
from spanhouse_backend.store.embedded import Embedded
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.store import Store
from spanhouse_backend.store.upgrade import Upgrade

directory = pathlib.Path(sys.argv[1])
arguments = sys.argv[2:]

def engine():
    (directory / "engine").mkdir(parents=True, exist_ok=True)
    return clickhouse_connect.get_client(dsn=f"chdb://{{directory / 'engine'}}")

def say(**said):
    print(json.dumps(said, default=str), flush=True)
"""


def start(code: str, directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process that runs `code` on `directory`; it has `engine()`, `Store`, `Upgrade`, `say(name=value)` and more."""
    program = PROLOGUE.format(tests=str(HERE)) + code
    return subprocess.Popen(
        [sys.executable, "-c", program, str(directory), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def run(code: str, directory: Path, *arguments: str) -> dict[str, object]:
    """What `code` says, all of it together, once it has ended well."""
    process = start(code, directory, *arguments)
    output, errors = process.communicate(timeout=2 * PATIENCE_SECONDS)
    assert process.returncode == 0, errors
    said: dict[str, object] = {"stderr": errors}
    for line in output.splitlines():
        said |= json.loads(line)
    return said


_CREATE = """
schema, landing, count, spans = pathlib.Path(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3])
client = engine()
for sql in schema.read_text().split(";\\n\\n"):
    client.command(sql)
"""
_FILL = """
schema, landing, count, spans = pathlib.Path(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3])
client = engine()
late = [sql for sql in schema.read_text().split(";\\n\\n") if "span_stats_1m_mv" in sql]
settings = {
    "format_schema": f"{landing}:ResourceSpans",
    "max_partitions_per_insert_block": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
for number in range(count):
    token = f"{number:032x}"
    if number == count - 1:
        client.command("DROP TABLE span_stats_1m_mv SYNC")
    framed = frame(request(f"request-{number}", [1000] * spans).SerializeToString())
    body = join([framed])
    client.raw_insert(
        "otlp_traces_landing",
        insert_block=body,
        fmt="ProtobufList",
        settings={**settings, "insert_deduplication_token": token},
    )
for sql in late:
    client.command(sql)
(directory / "inflight").mkdir()
(directory / "inflight" / f"{token}.identities").write_bytes(framed.identity)
(directory / "inflight" / f"{token}.body").write_bytes(body)
client.close()
"""


def make_version(number: int, directory: Path, *, requests: int, spans: int) -> None:
    """A directory as version 1 or 2 left it when it was killed half-way through an insert.

    `requests` services of `spans` calls of 1000 ns each, named request-0 and so on, are stored. The last was not yet
    in the extremes, and its group is still in the journal.
    """
    arguments = (str(SCHEMAS[number]), str(LANDING_1), str(requests), str(spans))
    if number == 1:
        run(_CREATE + _FILL, directory, *arguments)
        return
    # Views that a process has just made have ids that they do not keep: version 2 took them up again, as a start does.
    run(_CREATE, directory, *arguments)
    run(_FILL, directory, *arguments)
