"""Turns are taken fairly, given on at once, and never lost."""

import asyncio

import pytest

from spanhouse_backend.errors import Overloaded
from spanhouse_backend.store.turns import Turns


async def _settle():
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Senders who wait; `served` says who was served, in order."""

    def __init__(self, turns):
        self._turns = turns
        self.served = []

    def enter(self, sender):
        async def wait():
            await self._turns.take(sender)
            self.served.append(sender)

        return asyncio.ensure_future(wait())


def test_senders_are_served_one_after_the_other():
    """Whoever asks for ten things at once is behind at most one of each other sender's."""

    async def work():
        turns = Turns(1, 100)
        await turns.take("somebody")
        crowd = Crowd(turns)
        for sender in ["many"] * 5 + ["one"] + ["two"] * 2:
            crowd.enter(sender)
        await _settle()
        for _ in range(8):
            turns.give_back()
            await _settle()
        return crowd.served

    assert asyncio.run(work()) == ["many", "one", "two", "many", "two", "many", "many", "many"]


def test_whoever_stops_waiting_makes_room_and_loses_no_turn():
    """Cancelled before the turn came, and in the very moment in which it was given."""

    async def work():
        turns = Turns(2, 2)
        await turns.take("a")
        await turns.take("a")
        crowd = Crowd(turns)
        first, second = crowd.enter("b"), crowd.enter("c")
        await _settle()
        with pytest.raises(Overloaded, match="2 statements wait already"):
            await turns.take("d")
        first.cancel()
        await _settle()
        crowd.enter("d")
        await _settle()
        turns.give_back()  # to c, who does not know it yet
        second.cancel()
        await _settle()
        assert crowd.served == ["d"]
        turns.give_back()
        turns.give_back()
        await asyncio.wait_for(asyncio.gather(turns.take("e"), turns.take("f")), 10)
        crowd.enter("g")
        await _settle()
        return crowd.served

    assert asyncio.run(work()) == ["d"]
