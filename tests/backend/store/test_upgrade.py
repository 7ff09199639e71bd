"""Bringing a data directory up to date: on a real engine, in processes of their own, with kills that are real."""

import os
import random
import re
import signal
import time

import pytest
from harness import PATIENCE_SECONDS, ServerProcess, read_back
from otlp_requests import request
from store_processes import make_version, run, start

ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "3"))
SPANS = 20
TABLES = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
COUNTS = (
    "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName",
    "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName ORDER BY ServiceName",
    "SELECT ServiceName, sum(Calls) FROM span_durations_1h GROUP BY ServiceName ORDER BY ServiceName",
    "SELECT ServiceName, toUInt64(sum(DurationSquares) / 1e6) FROM span_stats_1m GROUP BY ServiceName ORDER BY 1",
    "SELECT ServiceName, toUInt64(sum(DurationSquares) / 1e6) FROM span_stats_1h GROUP BY ServiceName ORDER BY 1",
)
OPEN = "store = Store.open(directory); asyncio.run(store.close())"


def counts(directory) -> dict[str, int]:
    """Spans by service, the same from the raw table and from every rollup."""
    raw, *rollups = read_back(directory, *COUNTS)
    assert rollups == [raw] * len(rollups)
    return dict(raw)


def without_retention(tables: list[list[object]]) -> dict[str, str]:
    """Tables by name, their definitions without the TTL, which is no part of the schema."""
    lines = {name: str(sql).split(" SETTINGS ") for name, sql in tables}
    return {name: " SETTINGS ".join([parts[0].split(" TTL ")[0], *parts[1:]]) for name, parts in lines.items()}


def time_to_live(tables: list[list[object]], name: str) -> str:
    """How long a table keeps its rows, as its definition says it; '' for ever."""
    return str(dict(tables)[name]).partition(" TTL ")[2].partition(" SETTINGS ")[0]


def test_an_empty_directory_gets_the_newest_schema_once_and_notes_it(tmp_path):
    """Opening it again changes nothing: the tables and views are the very same objects."""
    uuids = "SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    run(OPEN, tmp_path / "data")
    made = read_back(tmp_path / "data", uuids, "SELECT Version, Name, Finished FROM spanhouse_migrations ORDER BY Time")
    assert made[1] == [[4, "created", False], [4, "created", True]]
    run(OPEN, tmp_path / "data")
    assert read_back(tmp_path / "data", uuids, "SELECT count() FROM spanhouse_migrations") == [made[0], [[2]]]


# Stores two groups and dies with the second one still in the journal, at the moment before it would be forgotten.
STORE_AND_DIE = f"""
async def store_and_die():
    store = await asyncio.to_thread(Store.open, directory)
    for service in arguments:
        if service == arguments[-1]:
            store._inserting._journal.remove = lambda token: os._exit(9)
        one = frame(request(service, [1000] * {SPANS}).SerializeToString())
        await store.insert(TRACES, join([one]), [one.identity])

import os
asyncio.run(store_and_die())
"""


@pytest.mark.parametrize("lives", [1, 2])
def test_what_a_process_stored_and_had_no_time_to_forget_is_stored_once(tmp_path, lives):
    """Also when that process had made the directory: what the engine remembers of an insert outlives its maker."""
    directory = tmp_path / "data"
    stored = []
    for life in range(lives):
        stored += [f"first-{life}", f"second-{life}"]
        process = start(STORE_AND_DIE, directory, *stored[-2:])
        _, errors = process.communicate(timeout=2 * PATIENCE_SECONDS)
        assert process.returncode == 9, errors
        assert len(list((directory / "inflight").glob("*.body"))) == 1
        with ServerProcess(directory) as server:
            assert server.stop() == 0
        assert not list((directory / "inflight").iterdir())
    assert counts(directory) == dict.fromkeys(sorted(stored), SPANS)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_version_is_migrated_with_its_data_and_with_the_insert_it_was_killed_in(tmp_path, version):
    """Every span is there once, in every table; nothing kept for ever is thrown away; the schema is a new one's."""
    directory = tmp_path / "data"
    make_version(version, directory, requests=3, spans=SPANS)
    (before,) = read_back(directory, TABLES)
    said = run(OPEN, directory)
    assert "schema version 4" in str(said["stderr"])
    assert counts(directory) == {f"request-{number}": SPANS for number in range(3)}
    assert not list((directory / "inflight").iterdir())
    with ServerProcess(directory) as server:
        assert [code.name for code in server.export(request("new", [1000] * SPANS).SerializeToString())] == ["OK"]
        assert server.stop() == 0
    assert counts(directory) == {f"request-{number}": SPANS for number in range(3)} | {"new": SPANS}
    run(OPEN, tmp_path / "fresh")
    (migrated,), (fresh,) = read_back(directory, TABLES), read_back(tmp_path / "fresh", TABLES)
    assert without_retention(migrated) == without_retention(fresh)
    for name in ("otel_traces", "spanhouse_rejected"):
        assert time_to_live(migrated, name) == time_to_live(before, name)
    # What a version adds is kept for as long as in a new directory.
    for name in ("otel_logs", "otel_metrics_gauge", "otel_metrics_summary"):
        assert time_to_live(migrated, name) == time_to_live(fresh, name) != ""


def test_what_version_2_refused_were_spans(tmp_path):
    """Rows of before there was a column for the signal say so, and rows of each signal come to lie beside them."""
    directory = tmp_path / "data"
    make_version(2, directory, requests=1, spans=1)
    refuse = "INSERT INTO spanhouse_rejected (Batch, Reason, SpanName) VALUES (unhex('00'), 'invalid span_id', 'old')"
    run(f"engine().command({refuse!r})", directory)
    run(OPEN, directory)
    found = read_back(directory, "SELECT Signal, Reason, SpanName, Body FROM spanhouse_rejected")
    assert found == [[["traces", "invalid span_id", "old", ""]]]


def test_tables_newer_than_the_software_are_refused_and_left_alone(tmp_path):
    """The user hears both versions, and which software to install."""
    directory = tmp_path / "data"
    run(OPEN, directory)
    newer = "INSERT INTO spanhouse_migrations (Version, Name, Software, Finished) VALUES (99, 'future', '7.5', false)"
    run(f"engine().command({newer!r})", directory)
    (before,) = read_back(directory, TABLES)
    refused = start(OPEN, directory)
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode != 0
    assert "has schema version 99, made by spanhouse 7.5" in errors
    assert "which knows versions up to 4: install spanhouse 7.5 or later, or choose another directory" in errors
    assert read_back(directory, TABLES, "SELECT count() FROM spanhouse_migrations") == [before, [[3]]]


def test_views_of_another_text_are_made_anew_and_a_users_own_view_stays(tmp_path):
    """Whatever carries our mark and is not what this software wants goes, also what it no longer has."""
    directory = tmp_path / "data"
    run(OPEN, directory)
    (wanted,) = read_back(directory, TABLES)
    alter = """
client = engine()
client.command("DROP TABLE span_stats_1m_mv SYNC")
view = "CREATE MATERIALIZED VIEW"
client.command(f"{view} span_stats_1m_mv TO span_stats_1m AS SELECT * FROM span_stats_1h COMMENT 'spanhouse 1'")
client.command(f"{view} gone_mv TO span_durations_1m AS SELECT * FROM span_durations_1h COMMENT 'spanhouse 2'")
client.command("CREATE TABLE mine (Name String) ENGINE = MergeTree ORDER BY ()")
client.command("CREATE MATERIALIZED VIEW mine_mv TO mine AS SELECT SpanName AS Name FROM otel_traces")
"""
    run(alter, directory)
    with ServerProcess(directory) as server:
        server.export(request("viewed", [1000] * SPANS).SerializeToString())
        server.stop()
    assert counts(directory) == {"viewed": SPANS}
    tables, mine = read_back(directory, TABLES, "SELECT count() FROM mine")
    assert [row for row in tables if not str(row[0]).startswith("mine")] == wanted
    assert mine == [[SPANS]]


# A step of several statements, one of which rewrites every row; safe to run again, as all must be.
EXTRA = """
extra = Migration(5, "extra", (
    "ALTER TABLE otel_traces ADD COLUMN IF NOT EXISTS Extra UInt64 DEFAULT 0",
    "ALTER TABLE otel_traces UPDATE Extra = Duration * 2 WHERE Extra = 0",
    "CREATE TABLE IF NOT EXISTS extra (Name String) ENGINE = MergeTree ORDER BY Name",
    "ALTER TABLE otel_traces MODIFY COLUMN Extra UInt64 CODEC(T64, ZSTD(1))",
))
def migrate():
    client = engine()
    upgrade = Upgrade(client, Embedded(directory), (*MIGRATIONS, extra))
    say(begun=True)
    upgrade.run({})
    client.close()
"""


def test_a_migration_killed_again_and_again_is_finished_by_the_next_start(tmp_path):
    """Kill -9 at random moments on the way from version 1 to a version 5; then all data is there, as migrated."""
    directory = tmp_path / "data"
    make_version(1, directory, requests=3, spans=SPANS)
    run("store = Store.open(directory); asyncio.run(store.close())", directory)
    chance = random.Random(time.time_ns())
    for _ in range(ROUNDS):
        process = start(EXTRA + "migrate()", directory)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == '{"begun": true}'
        time.sleep(chance.uniform(0, 0.3))  # the moment of death is what is being varied
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(EXTRA + "migrate()", directory)
    assert counts(directory) == {f"request-{number}": SPANS for number in range(3)}
    found = read_back(
        directory,
        "SELECT sum(Extra), count() FROM otel_traces",
        "SELECT Version, Name, max(Finished) FROM spanhouse_migrations GROUP BY Version, Name ORDER BY Version",
    )
    assert found == [
        [[2000 * 3 * SPANS, 3 * SPANS]],
        [[2, "unmarked_views", True], [3, "shared_database", True], [4, "signals", True], [5, "extra", True]],
    ]
    refused = start(OPEN, directory)
    assert "has schema version 5" in refused.communicate(timeout=60)[1]


@pytest.mark.parametrize("begin", [0, 1, 2])
def test_the_first_start_killed_again_and_again_is_finished_by_the_next(tmp_path, begin):
    """Whether it makes the tables or carries an older version over: in the end schema and data are whole."""
    directory = tmp_path / "data"
    if begin:
        make_version(begin, directory, requests=2, spans=SPANS)
    chance = random.Random(time.time_ns())
    for _ in range(ROUNDS):
        process = start(f"say(begun=True); {OPEN}", directory)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == '{"begun": true}'
        time.sleep(chance.uniform(0.2, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(OPEN, directory)
    expected = {f"request-{number}": SPANS for number in range(2)} if begin else {}
    assert counts(directory) == expected
    run(OPEN, tmp_path / "fresh")
    (tables,), (fresh,) = read_back(directory, TABLES), read_back(tmp_path / "fresh", TABLES)
    assert without_retention(tables) == without_retention(fresh)
    if not begin:
        assert tables == fresh


def test_migrations_leave_new_tables_as_they_are(tmp_path):
    """A step that is run on tables of the newest form changes nothing: it may have to, after a kill."""
    directory = tmp_path / "data"
    run(OPEN, directory)
    (before,) = read_back(directory, TABLES)
    again = """
client = engine()
for migration in MIGRATIONS:
    for sql in migration.statements:
        client.command(sql)
client.close()
"""
    run(again, directory)
    run(OPEN, directory)
    assert read_back(directory, TABLES) == [before]


def test_a_step_that_takes_long_is_spoken_of_and_one_that_fails_is_named(tmp_path):
    directory = tmp_path / "data"
    make_version(1, directory, requests=1, spans=1)
    code = """
import threading
from spanhouse_backend.store import upgrade as module
module.SECONDS_BETWEEN_WORDS = 0.2
spoken_of = threading.Event()
class Hearing(logging.StreamHandler):
    def emit(self, record):
        super().emit(record)
        if "still at" in record.getMessage():
            spoken_of.set()
logging.basicConfig(handlers=[Hearing()])
client = engine()
command = client.command
def slow_command(sql, **others):
    assert sql != "SELECT 1" or spoken_of.wait(60)
    return command(sql, **others)
client.command = slow_command
slow = Migration(5, "slow", ("SELECT 1", "ALTER TABLE nowhere DROP COLUMN x"))
try:
    Upgrade(client, Embedded(directory), (*MIGRATIONS, slow)).run({})
except Exception as error:
    say(kind=type(error).__name__, error=str(error))
"""
    said = run(code, directory)
    assert re.search(r"still at schema version 5 \(slow\), step 1 of 2, for \d+ s", str(said["stderr"]))
    assert said["kind"] == "StoreUnusable"
    assert "failed to migrate to schema version 5 (slow), step 2 of 2: " in str(said["error"])
