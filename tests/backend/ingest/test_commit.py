"""Group commit: grouping, shared outcomes, and the guilty standing alone. The engine's side is in end_to_end."""

import asyncio
import hashlib

import pytest

from spanhouse_backend.errors import MalformedData, Overloaded, StoreUnavailable
from spanhouse_backend.ingest.commit import GroupCommitter
from spanhouse_backend.ingest.framing import join


class Recorder:
    """Takes inserts and holds each until told: what an engine cannot be made to do on demand."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.release = asyncio.Event()
        self.refuse: Exception | None = None

        self.left_open: list[bytes] = []
        self.remembered: list[bytes] = []

    async def recover(self) -> list[bytes]:
        if self.left_open and self.refuse is not None:
            raise self.refuse
        settled, self.left_open = self.left_open, []
        return settled

    async def recent_identities(self, window_seconds: int, limit: int) -> list[bytes]:
        return self.remembered

    async def insert_traces(self, body: bytes, identities) -> None:
        self.bodies.append(body)
        await self.release.wait()
        if self.refuse is not None:
            raise self.refuse
        if b"bad" in body:
            raise MalformedData("does not decode")


def committer(store, group=1000, waiting=10_000):
    return GroupCommitter(store, max_group_bytes=group, max_waiting_bytes=waiting)


async def started(store, count):
    """Waits until `count` inserts have begun."""
    async with asyncio.timeout(30):
        while len(store.bodies) < count:
            await asyncio.sleep(0)


def test_what_waits_during_an_insert_is_the_next_insert():
    async def scenario():
        store = Recorder()
        commits = committer(store)
        first = asyncio.create_task(commits.commit(b"a"))
        await started(store, 1)
        later = [asyncio.create_task(commits.commit(text)) for text in (b"b", b"c", b"d")]
        await asyncio.sleep(0)
        assert not first.done()
        store.release.set()
        await asyncio.gather(first, *later)
        assert store.bodies == [join([b"a"]), join([b"b", b"c", b"d"])]

    asyncio.run(scenario())


def test_a_group_ends_at_its_byte_limit():
    async def scenario():
        store = Recorder()
        commits = committer(store, group=4)
        first = asyncio.create_task(commits.commit(b"first"))
        await started(store, 1)
        later = [asyncio.create_task(commits.commit(text)) for text in (b"bb", b"cc", b"dd", b"longer than a group")]
        await asyncio.sleep(0)
        store.release.set()
        await asyncio.gather(first, *later)
        assert store.bodies[1:] == [join([b"bb", b"cc"]), join([b"dd"]), join([b"longer than a group"])]

    asyncio.run(scenario())


def test_only_the_guilty_of_a_group_are_refused():
    async def scenario():
        store = Recorder()
        store.release.set()
        commits = committer(store)
        texts = [b"ok1", b"bad1", b"ok2", b"ok3", b"bad2", b"ok4", b"ok5"]
        outcomes = await asyncio.gather(*map(commits.commit, texts), return_exceptions=True)
        assert [isinstance(outcome, MalformedData) for outcome in outcomes] == [b"bad" in text for text in texts]
        stored = [body for body in store.bodies if b"bad" not in body]
        assert sorted(text for text in texts if any(text in body for body in stored)) == sorted(
            text for text in texts if b"bad" not in text
        )

    asyncio.run(scenario())


def test_a_failing_engine_fails_the_whole_group_at_once():
    """Nothing is tried again piece by piece when the trouble is not in the data."""

    async def scenario():
        store = Recorder()
        store.refuse = StoreUnavailable("disk full")
        store.release.set()
        commits = committer(store)
        outcomes = await asyncio.gather(*map(commits.commit, [b"a", b"b", b"c"]), return_exceptions=True)
        assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
        assert len(store.bodies) == 1

    asyncio.run(scenario())


def test_more_than_may_wait_is_refused_and_room_comes_back():
    async def scenario():
        store = Recorder()
        commits = committer(store, waiting=10)
        first = asyncio.create_task(commits.commit(b"12345678"))
        await started(store, 1)
        with pytest.raises(Overloaded, match="8 bytes are waiting"):
            await commits.commit(b"123")
        store.release.set()
        await first
        await commits.commit(b"1234567890")

    asyncio.run(scenario())


def test_a_caller_that_goes_away_leaves_the_others_their_outcome():
    async def scenario():
        store = Recorder()
        commits = committer(store, waiting=10)
        gone = asyncio.create_task(commits.commit(b"gone"))
        await started(store, 1)
        stays = asyncio.create_task(commits.commit(b"stays"))
        await asyncio.sleep(0)
        gone.cancel()
        store.release.set()
        await stays
        await commits.drain()
        await commits.commit(b"1234567890")  # every byte was given back
        assert join([b"gone"]) in store.bodies

    asyncio.run(scenario())


def test_drain_waits_for_everything_accepted():
    async def scenario():
        store = Recorder()
        commits = committer(store)
        pending = [asyncio.create_task(commits.commit(b"x")) for _ in range(3)]
        await started(store, 1)
        draining = asyncio.create_task(commits.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        store.release.set()
        await draining
        assert all(task.done() for task in pending)

    asyncio.run(scenario())


def test_a_request_sent_again_is_stored_once():
    """At once, concurrently and later: every sender hears the one outcome."""

    async def scenario():
        store = Recorder()
        commits = committer(store)
        senders = [asyncio.create_task(commits.commit(b"same")) for _ in range(5)]
        await started(store, 1)
        assert not any(sender.done() for sender in senders)
        store.release.set()
        await asyncio.gather(*senders)
        await commits.commit(b"same")
        assert store.bodies == [join([b"same"])]

    asyncio.run(scenario())


def test_a_sender_that_goes_away_does_not_take_the_outcome_from_another():
    async def scenario():
        store = Recorder()
        commits = committer(store)
        gone, stays = (asyncio.create_task(commits.commit(b"same")) for _ in range(2))
        await started(store, 1)
        gone.cancel()
        store.release.set()
        await stays
        assert gone.cancelled()

    asyncio.run(scenario())


def test_a_refused_request_may_come_again():
    """Only what is stored is remembered: a failure must not make the next try a success."""

    async def scenario():
        store = Recorder()
        store.release.set()
        store.refuse = StoreUnavailable("disk full")
        commits = committer(store)
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"again")
        store.refuse = None
        await commits.commit(b"again")
        assert store.bodies == [join([b"again"])] * 2

    asyncio.run(scenario())


def test_what_a_half_failed_insert_turns_out_to_have_stored_is_not_stored_again():
    """The engine failed half-way; before the retry is inserted, the store settles what it left open."""

    async def scenario():
        store = Recorder()
        store.release.set()
        store.refuse = StoreUnavailable("connection lost")
        commits = committer(store)
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"half")
        store.left_open = [hashlib.blake2b(b"half", digest_size=16).digest()]
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"half")
        store.refuse = None
        await asyncio.gather(commits.commit(b"half"), commits.commit(b"new"))
        assert store.bodies == [join([b"half"]), join([b"new"])]

    asyncio.run(scenario())


def test_what_was_stored_before_a_restart_is_known():
    async def scenario():
        store = Recorder()
        store.release.set()
        store.remembered = [hashlib.blake2b(text, digest_size=16).digest() for text in (b"newer", b"older")]
        commits = committer(store)
        await commits.recover()
        await commits.commit(b"older")
        await commits.commit(b"newer")
        assert store.bodies == []

    asyncio.run(scenario())
