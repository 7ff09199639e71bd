"""--fsync: what is synced and when, around a real insert; and stores killed while they merge, with or without it.

No test can take the machine's power: that syncfs(2) does what its page says is the kernel's promise.
"""

import os
import random
import signal
import time

import pytest
from harness import read_back
from store_processes import run, start

from spanhouse_backend.store import journal
from spanhouse_backend.store.durability import boot_id, sync_filesystem
from spanhouse_backend.store.journal import Journal
from spanhouse_backend.store.landing import TRACES

ROUNDS = int(os.environ.get("SPANHOUSE_CHAOS_ROUNDS", "3"))
SPANS = 20

# Notes the order of the real calls.
NOTED = """
from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.store import embedded as module
events = []
def noting(name, call):
    def noted(*arguments, **others):
        events.append(name)
        return call(*arguments, **others)
    return noted
module.Journal.write = noting("journal", module.Journal.write)
module.Journal.remove = noting("remove", module.Journal.remove)
module.sync_filesystem = noting("sync", module.sync_filesystem)
store = Store.open(directory, fsync=arguments[0] == "on")
type(store._admin).raw_insert = noting("insert", type(store._admin).raw_insert)
framed = [frame(request(name, [1000] * 20).SerializeToString()) for name in ("first", "second")]
def insert(one):
    return store.insert(TRACES, join([one]), [one.identity])
"""


@pytest.mark.parametrize(
    ("fsync", "expected"),
    [("on", ["journal", "sync", "insert", "sync", "remove"]), ("off", ["journal", "insert", "remove"])],
)
def test_a_group_is_synced_before_it_is_inserted_and_before_it_leaves_the_journal(tmp_path, fsync, expected):
    """It is acknowledged after all of that; without --fsync nothing is synced."""
    code = """
async def main():
    events.clear()
    await insert(framed[0])
    say(events=events)
    await store.close()
asyncio.run(main())
"""
    assert run(NOTED + code, tmp_path / "data", fsync)["events"] == expected


def test_a_group_that_cannot_be_synced_is_not_acknowledged_and_is_settled_later(tmp_path):
    """The disk says no after the insert: the sender hears so, and nothing is stored twice."""
    code = """
async def main():
    real, calls = module.sync_filesystem, []
    def failing(folder):
        calls.append(folder)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(folder)
    module.sync_filesystem = failing
    try:
        await insert(framed[0])
    except StoreUnavailable as error:
        say(error=str(error), journal=len(list((directory / "inflight").iterdir())))
    recovered = await store.recover()
    assert await store.recover() is None
    await insert(framed[1])
    say(recovered=list(recovered) == [framed[0].identity], left=len(list((directory / "inflight").iterdir())))
    await store.close()
asyncio.run(main())
"""
    said = run(NOTED + code, tmp_path / "data", "on")
    assert said["error"] == "storing a request: No space left on device"
    assert (said["journal"], said["recovered"], said["left"]) == (2, True, 0)
    sql = "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName"
    assert read_back(tmp_path / "data", sql) == [[["first", SPANS], ["second", SPANS]]]


def test_syncing_works_on_the_real_file_system_and_says_when_it_cannot(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    sync_filesystem(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_filesystem(tmp_path / "nowhere")
    assert boot_id() == boot_id() != ""


@pytest.mark.parametrize("fsync", [True, False])
def test_after_another_boot_the_engines_memory_of_a_group_is_relied_upon_only_without_fsync(
    tmp_path, monkeypatch, fsync
):
    """With --fsync the group gets one new token for that boot, however often recovery is begun."""
    written = Journal(tmp_path / "inflight", fsync=fsync).write(TRACES, b"body", [b"i" * 16])
    assert written.deduplication_token == written.token

    def found():
        again = Journal(tmp_path / "inflight", fsync=fsync)
        (token,) = again.leftovers()
        return again.read(token)

    assert found() == written
    monkeypatch.setattr(journal, "boot_id", lambda: "another")
    assert found()._replace(deduplication_token="") == written._replace(deduplication_token="")
    assert (found().deduplication_token == written.token) is not fsync
    assert found() == found()


# Stores groups without end, each in a service of its own, while every table is merged all the time.
MERGING = """
import itertools
store = Store.open(directory, fsync=arguments[1] == "on")
def merge(client):
    for statement in statements():
        if not statement.stateless:
            client.command(f"OPTIMIZE TABLE {statement.name} FINAL")
async def merge_all_the_time():
    while True:
        await store.administer(merge)
async def main():
    while await store.recover() is not None:
        pass
    merging = asyncio.create_task(merge_all_the_time())
    for number in itertools.count():
        assert not merging.done()
        name = f"{arguments[0]}-{number}"
        framed = frame(request(name, [1000] * 20).SerializeToString())
        await store.insert(TRACES, join([framed]), [framed.identity])
        say(stored=name)
asyncio.run(main())
"""

RECOVERING = """
store = Store.open(directory)
async def main():
    while await store.recover() is not None:
        pass
    await store.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("fsync", ["off", "on"])
def test_killed_again_and_again_while_merging_nothing_is_lost_or_counted_twice(tmp_path, fsync):
    """Kill -9 at random moments among inserts and merges of all tables; the rollups say what the raw table says."""
    directory = tmp_path / "data"
    chance = random.Random(time.time_ns())
    acknowledged = set()
    for number in range(ROUNDS):
        process = start(MERGING, directory, f"round-{number}", fsync)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        time.sleep(chance.uniform(0, 0.5))  # the moment of death is what is being varied
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()  # communicate() would begin behind what readline() has buffered
        process.communicate()
        acknowledged |= {line.split('"')[3] for line in lines if line.rstrip().endswith("}")}
    assert len(acknowledged) >= 3 * ROUNDS
    run(RECOVERING, directory)
    raw, minute, hour, stats = read_back(
        directory,
        "SELECT ServiceName, count() FROM otel_traces GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1m GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, sum(Calls) FROM span_durations_1h GROUP BY ServiceName ORDER BY ServiceName",
        "SELECT ServiceName, toUInt64(sum(DurationSquares) / 1e6) FROM span_stats_1h GROUP BY 1 ORDER BY 1",
    )
    assert raw == minute == hour == stats
    assert acknowledged <= {row[0] for row in raw}
    assert {row[1] for row in raw} == {SPANS}
