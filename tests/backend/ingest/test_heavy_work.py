"""Heavy work: one at a time, in fair order, and a turn lasts as long as its thread, whoever has gone away."""

import asyncio
import threading

import pytest

from spanhouse_backend.ingest.admission import Admission
from spanhouse_backend.ingest.heavy_work import HeavyWork


async def waiting(count: int = 3) -> None:
    """Lets tasks that were just made come to where they wait."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_who_sends_little_does_not_wait_behind_all_that_another_sends():
    async def run() -> list[str]:
        heavy, admission = HeavyWork(), Admission(1 << 30)
        order: list[str] = []
        hold = threading.Event()
        works = [heavy.run(admission.claim("flood"), 1 << 20, hold.wait)]
        works += [heavy.run(admission.claim("flood"), 1 << 20, lambda: order.append("flood")) for _ in range(5)]
        works.append(heavy.run(admission.claim("small"), 1 << 17, lambda: order.append("small")))
        tasks = [asyncio.create_task(work) for work in works]
        await waiting()
        hold.set()
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(run()) == ["small", *["flood"] * 5]


def test_only_one_works_at_a_time():
    async def run() -> int:
        heavy, admission = HeavyWork(), Admission(1 << 30)
        working = most = 0

        def work() -> None:
            nonlocal working, most
            working += 1
            most = max(most, working)
            threading.Event().wait(0.002)
            working -= 1

        await asyncio.gather(*(heavy.run(admission.claim(str(index % 3)), 1, work) for index in range(20)))
        return most

    assert asyncio.run(run()) == 1


def test_work_whose_caller_goes_away_keeps_its_turn_and_its_claim_until_it_is_done():
    async def run() -> None:
        heavy, admission = HeavyWork(), Admission(1 << 30)
        hold, began = threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            hold.wait()

        async def ask() -> None:
            with admission.claim("gone") as claim:
                claim.take(1 << 20)
                await heavy.run(claim, 1 << 20, work)

        gone = asyncio.create_task(ask())
        await asyncio.to_thread(began.wait)
        follower = asyncio.create_task(heavy.run(admission.claim("next"), 1, lambda: admission.held_bytes))
        late = asyncio.create_task(heavy.run(admission.claim("late"), 2, lambda: None))
        await waiting()
        for one in (gone, late):
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        assert admission.held_bytes == 1 << 20
        assert not follower.done()
        hold.set()
        assert await follower == 0
        assert await heavy.run(admission.claim("last"), 1, lambda: "done") == "done"

    asyncio.run(run())


def test_a_turn_that_comes_while_its_caller_is_being_cancelled_is_passed_on():
    async def run() -> str:
        heavy, admission = HeavyWork(), Admission(1 << 30)
        hold = threading.Event()
        first = asyncio.create_task(heavy.run(admission.claim("a"), 1, hold.wait))
        await waiting()
        second = asyncio.create_task(heavy.run(admission.claim("b"), 1, lambda: None))
        third = asyncio.create_task(heavy.run(admission.claim("c"), 2, lambda: "third"))
        await waiting()
        first.add_done_callback(lambda _: second.cancel())
        hold.set()
        return await third

    assert asyncio.run(asyncio.wait_for(run(), 30)) == "third"


def test_what_fails_passes_its_turn_on():
    async def run() -> str:
        heavy, admission = HeavyWork(), Admission(1 << 30)

        def fail() -> None:
            raise ValueError("on purpose")

        with pytest.raises(ValueError, match="on purpose"):
            await heavy.run(admission.claim("a"), 1, fail)
        return await heavy.run(admission.claim("a"), 1, lambda: "next")

    assert asyncio.run(run()) == "next"
