"""Who watches spans arrive, and what the engine does meanwhile."""

import asyncio
import time

import pytest
from otlp_requests import request
from query_house import PATIENCE_SECONDS

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.query import live as live_module
from spanhouse_backend.query import live_http
from spanhouse_backend.query.arrivals import Arrivals
from spanhouse_backend.query.live import Live, Watch
from spanhouse_backend.query.reader import Reader


@pytest.fixture
def live(house):
    made = Live(house.queries, house.reader)
    yield made
    house.run(made.close())


def numbered(house):
    """Whether merges keep the numbers of inserts."""
    found = house.run(house.store.fetch("SELECT create_table_query FROM system.tables WHERE name = 'otel_traces'", {}))
    return "enable_block_number_column = 1" in found.rows[0][0]


def test_inserts_are_numbered_while_somebody_watches_and_for_a_while_longer(house, live, monkeypatch):
    """Whoever comes back meanwhile goes on where he was, and keeps them numbered."""
    monkeypatch.setattr(live_module, "LINGER_SECONDS", 3600.0)  # longer than a busy machine takes for the next lines
    assert not numbered(house)

    async def watch(after=None):
        async with live.watching(Arrivals.read({"service": "nobody"}, 0), after) as one:
            return one.position, one.gap

    position, gap = house.run(watch())
    assert not gap
    assert numbered(house)
    # Read when nobody watches any more: the hour above ends with whoever comes back.
    monkeypatch.setattr(live_module, "LINGER_SECONDS", 0.05)
    assert house.run(watch(position)) == (position, False)

    deadline = time.monotonic() + PATIENCE_SECONDS
    while numbered(house):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # What was merged since then has lost its numbers, so it cannot be said what arrived.
    house.insert(request("live unit", [1]))
    again, gap = house.run(watch(position))
    assert gap
    assert again > position


def test_a_stream_on_which_nothing_happens_has_heartbeats(house, live, monkeypatch):
    """So that proxies keep it, and a client that is gone is found."""
    monkeypatch.setattr(live_http, "HEARTBEAT_SECONDS", 0.0)
    asked = Arrivals.read({"service": "nobody"}, 0)

    async def first_two():
        events = live_http._events(live, asked, None)
        found = [await anext(events), await anext(events)]
        await events.aclose()
        return found

    begun, beat = house.run(first_two())
    assert begun.startswith(b"retry: 2000\nid: ")
    assert beat == b":\n\n"


def test_a_stream_ends_after_a_while(house, live, monkeypatch):
    """Who goes on has to show his token again."""
    monkeypatch.setattr(live_http, "MAX_SECONDS", 0.0)
    asked = Arrivals.read({}, 0)

    async def all_of_it():
        return [event async for event in live_http._events(live, asked, None)]

    assert len(house.run(all_of_it())) == 1
    assert live.watchers == 0


class BrokenStore:
    """Fails as an engine does, which the real one cannot be made to do on demand."""

    async def fetch(self, sql, parameters):
        raise StoreUnavailable("answering a query: the disk is on fire")


def test_who_watches_is_told_when_nothing_can_be_told(monkeypatch):
    """And goes on watching, from where he was."""
    monkeypatch.setattr(live_module, "_PAUSE_AFTER_PROBLEM_SECONDS", 0.0)

    async def two():
        watch = Watch(Reader(BrokenStore()), Arrivals.read({}, 0), 7, asyncio.Event(), gap=False)
        events = live_http._polled(watch)
        return [await anext(events), await anext(events)], watch.position

    told, position = asyncio.run(two())
    problem = b'event: problem\ndata: {"message":"answering a query: the disk is on fire"}\n\n'
    assert told == [problem, problem]
    assert position == 7
