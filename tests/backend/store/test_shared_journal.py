"""Claims in a ClickHouse that servers share: of two, never both insert a request; of one that died, another finishes.

Each `Store` here is what a server has; several of them in one process are several servers.
"""

import asyncio
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from clickhouse_servers import ClickHouse, place_on
from harness import PATIENCE_SECONDS, clean_environment
from otlp_requests import request

from spanhouse_backend.errors import StoreUnavailable, StoreUnusable
from spanhouse_backend.ingest.framing import Framed, frame, join
from spanhouse_backend.store import shared_journal
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.rejection import NOTHING, Contested
from spanhouse_backend.store.store import Store

SPANS = 20
COUNTS = "SELECT ServiceName, count() FROM otel_traces GROUP BY 1 ORDER BY 1"
LEFT = "SELECT Token, count() FROM spanhouse_inflight WHERE length(Token) < 32 GROUP BY Token"
ROLLED_UP = "SELECT ServiceName, sum(Calls) FROM {} GROUP BY 1 ORDER BY 1"


@contextmanager
def stores(clickhouse: ClickHouse, database: str, count: int = 2):
    """As many servers' stores on one database."""
    with ExitStack() as closing:
        opened = []
        for _ in range(count):
            store = Store.open_at(place_on(clickhouse, database))
            closing.callback(lambda store=store: asyncio.run(store.close()))
            opened.append(store)
        yield opened


def framed(service: str) -> Framed:
    return frame(request(service, [1000] * SPANS).SerializeToString())


def insert(store: Store, *requests: Framed):
    return asyncio.run(store.insert(TRACES, join(requests), [one.identity for one in requests]))


def settle(store: Store) -> dict[bytes, object]:
    """What the readiness task does every second, until nothing is open."""

    async def look():
        found = {}
        await store.look_around()
        while (recovered := await store.recover()) is not None:
            found |= recovered
        return found

    return asyncio.run(look())


def stored(clickhouse: ClickHouse, database: str) -> dict[object, object]:
    """Spans by service, the same in the raw table and in the rollups."""
    counts = dict(clickhouse.rows(database, COUNTS))
    for rollup in ("span_durations_1m", "span_durations_1h"):
        assert dict(clickhouse.rows(database, ROLLED_UP.format(rollup))) == counts
    return counts


def test_a_request_that_another_server_claims_is_held_and_one_that_it_stored_is_answered(clickhouse):
    """The others of the group are free; after the first one's end the outcome is known."""
    with stores(clickhouse, "claims") as (one, two):
        shared, mine = framed("shared"), framed("mine")
        journal = one._inserting._journal
        group = journal.write(TRACES, join([shared]), [shared.identity])
        with pytest.raises(Contested) as raised:
            insert(two, shared, mine)
        assert (raised.value.stored, raised.value.held) == ({}, {shared.identity})
        assert insert(two, mine) == {mine.identity: NOTHING}
        one._inserting._insert(group)
        one._inserting.look_around()  # which writes the end down
        with pytest.raises(Contested) as raised:
            insert(two, shared, framed("later"))
        assert (raised.value.stored, raised.value.held) == ({shared.identity: NOTHING}, frozenset())
        assert stored(clickhouse, "claims") == {"mine": SPANS, "shared": SPANS}


def test_of_two_that_claim_at_once_whoever_looks_second_gives_way(clickhouse):
    """Both rows are there before either looks: both give way, neither inserts, and the next try succeeds."""
    with stores(clickhouse, "at_once") as (one, two):
        shared = framed("shared")
        journals = [store._inserting._journal for store in (one, two)]
        tokens = ["a" * 32, "b" * 32]
        for journal, token in zip(journals, tokens, strict=True):
            journal._begin(token, TRACES.table, (shared.identity,), join([shared]))
        for journal, token in zip(journals, tokens, strict=True):
            with pytest.raises(Contested):
                journal._require_free(token, [shared.identity])
        for journal, token in zip(journals, tokens, strict=True):
            journal._end(token, journal.server)
        assert insert(one, shared) == {shared.identity: NOTHING}
        assert stored(clickhouse, "at_once") == {"shared": SPANS}


# A server that ends, without a word, at one of the moments of an insert.
DYING = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from clickhouse_servers import PASSWORD
from spanhouse_backend.clickhouse_address import parse_url
from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.store.inserting import Inserting
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.server import Server
from spanhouse_backend.store.shared_journal import SharedJournal
from spanhouse_backend.store.store import Store
_, _, url, moment, body = sys.argv
store = Store.open_at(Server(replace(parse_url(url), password=PASSWORD)))
def die(*_):
    os._exit(9)
if moment == "claimed":
    Inserting._insert = die
elif moment == "inserted":
    Inserting._remember = die
else:
    SharedJournal.remove = die
one = frame(bytes.fromhex(body))
asyncio.run(store.insert(TRACES, join([one]), [one.identity]))
"""


@pytest.mark.parametrize("moment", ["claimed", "inserted", "noted"])
def test_what_a_dead_server_left_is_finished_by_another_once(clickhouse, monkeypatch, moment):
    """Wherever it died after its claim: held until the lease is over, then stored, exactly once, and answered."""
    database = f"died_{moment}"
    with stores(clickhouse, database, 2) as (heir, rival):
        body = request("inherited", [1000] * SPANS).SerializeToString()
        tests = str(Path(__file__).parents[2])
        command = [sys.executable, "-c", DYING, tests, clickhouse.url(database), moment, body.hex()]
        dead = subprocess.run(
            command, env=clean_environment(), timeout=2 * PATIENCE_SECONDS, check=False, capture_output=True
        )
        assert dead.returncode == 9, dead.stderr.decode()
        one = frame(body)
        with pytest.raises(Contested) as raised:
            insert(heir, one)
        assert one.identity in raised.value.held | raised.value.stored.keys()
        assert settle(heir) == {}
        monkeypatch.setattr(shared_journal, "LEASE_SECONDS", 0)
        time.sleep(1.1)  # a lease is counted in whole seconds
        for _ in range(3):  # and finds it once, however often it looks
            heir._inserting.look_around()
        assert len(heir._inserting.open_tokens) == 1
        found = settle(heir) | settle(rival)
        assert found == {one.identity: NOTHING}
        with pytest.raises(Contested) as raised:
            insert(rival, one)
        assert raised.value.stored == {one.identity: NOTHING}
        assert stored(clickhouse, database) == {"inherited": SPANS}


def test_a_server_that_was_only_slow_does_no_harm(clickhouse, monkeypatch):
    """Its claim was taken over and its group stored; then it inserts, as it was about to."""
    with stores(clickhouse, "slow") as (slow, heir):
        one = framed("slow")
        group = slow._inserting._journal.write(TRACES, join([one]), [one.identity])
        monkeypatch.setattr(shared_journal, "LEASE_SECONDS", 0)
        time.sleep(1.1)
        assert settle(heir) == {one.identity: NOTHING}
        assert slow._inserting._insert(group) == {one.identity: NOTHING}
        assert stored(clickhouse, "slow") == {"slow": SPANS}


def test_what_was_withdrawn_is_taken_over_by_nobody(clickhouse, monkeypatch):
    with stores(clickhouse, "withdrawn") as (one, two):
        shared = framed("shared")
        insert(one, shared)
        with pytest.raises(Contested):
            insert(two, shared)
        monkeypatch.setattr(shared_journal, "LEASE_SECONDS", 0)
        time.sleep(1.1)
        assert settle(one) == settle(two) == {}
        assert stored(clickhouse, "withdrawn") == {"shared": SPANS}


def test_while_the_schema_changes_nobody_inserts_and_what_is_inserted_is_waited_for(clickhouse):
    with stores(clickhouse, "changing") as (one, two):
        journal, other = one._inserting._journal, two._inserting._journal
        group = other.write(TRACES, join([framed("begun")]), [b"x" * 16])
        with pytest.raises(StoreUnusable, match="does not come to an end"), journal.changing(0.5):
            pass
        other.remove(group.token)
        other.look_around()
        with journal.changing(PATIENCE_SECONDS), pytest.raises(StoreUnavailable, match="is changing the schema"):
            insert(two, framed("meanwhile"))
        assert len(insert(two, framed("afterwards"))) == 1
        assert stored(clickhouse, "changing") == {"afterwards": SPANS}


def test_a_server_whose_views_are_gone_or_anothers_refuses_spans(clickhouse):
    """A view that is missing would lose what it should have written; nobody is told that such spans are stored."""
    with stores(clickhouse, "views", 1) as (one,):
        client = clickhouse.client("views")
        client.command("DROP TABLE span_stats_1m_mv SYNC")
        with pytest.raises(StoreUnavailable, match="not this version's any more"):
            insert(one, framed("lost"))
        assert stored(clickhouse, "views") == {}
        with stores(clickhouse, "views", 1) as (repairing,):
            insert(repairing, framed("repaired"))
        insert(one, framed("again"))
        client.close()
    assert stored(clickhouse, "views") == {"again": SPANS, "repaired": SPANS}


def test_partitions_go_when_all_before_them_is_settled_and_not_sooner(clickhouse):
    """Rows of an hour ago, one of them open: what is older goes, what is open and what is younger stays."""
    with stores(clickhouse, "swept", 1) as (one,):
        client = clickhouse.client("swept")
        rows = (
            ("settled", "false", 3600),
            ("settled", "true", 3590),
            ("open", "false", 2400),
            ("later", "false", 1200),
            ("later", "true", 1200),
        )
        values = ", ".join(
            f"('{token}', 's', {ended}, 'otlp_traces_landing', now64(3) - {age})" for token, ended, age in rows
        )
        client.command(f"INSERT INTO spanhouse_inflight (Token, Server, Ended, Landing, Time) VALUES {values}")
        journal = one._inserting._journal
        journal._swept = float("-inf")
        leftovers = journal.leftovers
        journal.leftovers = list  # nobody takes the open one over here
        journal.look_around()
        left = dict(clickhouse.rows("swept", LEFT))
        assert left == {"open": 1, "later": 2}
        client.command("INSERT INTO spanhouse_inflight (Token, Server, Ended) VALUES ('open', '', true)")
        journal._swept = float("-inf")
        journal.look_around()
        journal.leftovers = leftovers
        left = dict(clickhouse.rows("swept", LEFT))
        assert left == {"open": 1}
        client.close()
