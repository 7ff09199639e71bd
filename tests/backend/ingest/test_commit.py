"""Group commit: grouping, shared outcomes, and the guilty standing alone. The engine's side is in end_to_end."""

import asyncio
import hashlib
from collections.abc import Mapping

import pytest
from otlp_requests import request

from spanhouse_backend.errors import MalformedData, Overloaded, StoreUnavailable
from spanhouse_backend.ingest.admission import Admission
from spanhouse_backend.ingest.commit import HELD_SECONDS, SECOND_INSERT_BYTES, UNHURRIED_BYTES, GroupCommitter, Limits
from spanhouse_backend.ingest.framing import Framed, frame, join
from spanhouse_backend.ingest.signals import LOGS, TRACES
from spanhouse_backend.store.rejection import NOTHING, Contested, Rejection
from spanhouse_backend.watcher import Watcher


class Recorder:
    """Takes inserts and holds each until told: what an engine cannot be made to do on demand."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.landings: list[tuple[str, str]] = []
        self.release = asyncio.Event()
        self.refuse: Exception | None = None

        self.left_open: dict[bytes, Rejection] = {}
        self.remembered: list[tuple[bytes, Rejection]] = []
        self.rejects: dict[bytes, Rejection] = {}

    async def recover(self) -> dict[bytes, Rejection] | None:
        if self.left_open and self.refuse is not None:
            raise self.refuse
        settled, self.left_open = self.left_open, {}
        return settled or None

    async def recent(self, window_seconds: int, limit: int) -> list[tuple[bytes, Rejection]]:
        return self.remembered

    async def insert(self, landing, body: bytes, identities) -> dict[bytes, Rejection]:
        self.bodies.append(body)
        self.landings.append(landing)
        await self.release.wait()
        if self.refuse is not None:
            raise self.refuse
        if b"bad" in body:
            raise MalformedData("does not decode")
        return {one: self.rejects.get(one, NOTHING) for one in identities}


def committer(store, group=1000, waiting=1_000_000, memory=1_000_000, linger=0.0):
    return Commits(GroupCommitter(store, Limits(group, memory, linger_seconds=linger)), Admission(waiting))


def framed(text):
    """A request whose one element is `text`."""
    return Framed(identity(text), (memoryview(text),), len(text))


def identity(text):
    return hashlib.blake2b(text, digest_size=16).digest()


def joined(*texts):
    return join(map(framed, texts))


class Commits:
    """The committer under test, spoken to in texts."""

    def __init__(self, real, admission):
        self.real = real
        self.admission = admission
        self.drain, self.recover = real.drain, real.recover

    async def commit(self, text, sender="sender", engine_bytes=0, signal=TRACES):
        with self.admission.claim(sender) as claim:
            claim.hold(len(text))
            return await self.real.commit(framed(text)._replace(engine_bytes=engine_bytes, signal=signal), claim)


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
        assert store.bodies == [joined(b"a"), joined(b"b", b"c", b"d")]

    asyncio.run(scenario())


def test_a_second_insert_runs_beside_the_first_when_there_is_enough_for_it():
    """Little waits for the next group; much does not, and a third insert never runs."""

    async def scenario():
        store = Recorder()
        commits = committer(store, group=10 * SECOND_INSERT_BYTES, waiting=10 * SECOND_INSERT_BYTES)
        large = [bytes([letter]) * SECOND_INSERT_BYTES for letter in b"xyz"]
        senders = [asyncio.create_task(commits.commit(b"first"))]
        await started(store, 1)
        senders.append(asyncio.create_task(commits.commit(b"little")))
        await asyncio.sleep(0)
        assert len(store.bodies) == 1
        senders.append(asyncio.create_task(commits.commit(large[0])))
        await started(store, 2)
        assert store.bodies[1] == joined(b"little", large[0])
        senders += [asyncio.create_task(commits.commit(text)) for text in large[1:]]
        await asyncio.sleep(0.05)
        assert len(store.bodies) == 2
        store.release.set()
        await asyncio.gather(*senders)
        await commits.drain()
        assert store.bodies[2:] == [joined(*large[1:])]

    asyncio.run(scenario())


def test_signals_are_inserted_side_by_side_each_in_groups_of_its_own():
    """What waits of one is no company for the other; a third insert never runs, whatever signal it is of."""

    async def scenario():
        store = Recorder()
        commits = committer(store)
        senders = [asyncio.create_task(commits.commit(b"t1"))]
        await started(store, 1)
        senders.append(asyncio.create_task(commits.commit(b"l1", signal=LOGS)))
        await started(store, 2)
        for text, signal in ((b"t2", TRACES), (b"l2", LOGS), (b"t3", TRACES), (b"l3", LOGS)):
            senders.append(asyncio.create_task(commits.commit(text, signal=signal)))
        await asyncio.sleep(0.05)
        assert len(store.bodies) == 2
        store.release.set()
        await asyncio.gather(*senders)
        assert sorted(zip(store.landings, store.bodies, strict=True)) == [
            (LOGS.landing, joined(b"l1")),
            (LOGS.landing, joined(b"l2", b"l3")),
            (TRACES.landing, joined(b"t1")),
            (TRACES.landing, joined(b"t2", b"t3")),
        ]
        await commits.drain()

    asyncio.run(scenario())


def test_a_flood_of_one_signal_lets_the_others_have_their_turn():
    """Two large inserts of it run and many wait; the next insert is that of the other signal, not of the flood."""

    async def scenario():
        store = Recorder()
        size = SECOND_INSERT_BYTES
        commits = committer(store, group=size, waiting=20 * size)
        flood = [asyncio.create_task(commits.commit(bytes([letter]) * size)) for letter in b"abcdefgh"]
        await started(store, 2)
        little = asyncio.create_task(commits.commit(b"little", signal=LOGS))
        await asyncio.sleep(0.05)
        assert store.landings == [TRACES.landing] * 2
        store.release.set()
        await asyncio.gather(little, *flood)
        assert store.landings[2] == LOGS.landing
        assert store.landings.count(TRACES.landing) == 8
        await commits.drain()

    asyncio.run(scenario())


def test_small_requests_of_a_trickle_share_an_insert():
    """The first goes at once; what comes within the linger after it goes together, and a large one ends the wait."""

    async def scenario():
        store = Recorder()
        store.release.set()
        commits = committer(store, group=10 * UNHURRIED_BYTES, waiting=10 * UNHURRIED_BYTES, linger=3600)
        await commits.commit(b"first")
        waiting = [asyncio.create_task(commits.commit(text)) for text in (b"a", b"b")]
        await asyncio.sleep(0.05)
        assert store.bodies == [joined(b"first")]
        waiting.append(asyncio.create_task(commits.commit(b"l" * UNHURRIED_BYTES)))
        await asyncio.gather(*waiting)
        assert store.bodies[1:] == [joined(b"a", b"b", b"l" * UNHURRIED_BYTES)]

    asyncio.run(scenario())


def test_a_trickle_waits_no_longer_than_the_linger_and_not_at_all_at_the_end():
    async def scenario():
        store = Recorder()
        store.release.set()
        commits = committer(store, linger=0.05)
        await commits.commit(b"first")
        await asyncio.wait_for(commits.commit(b"second"), 30)
        commits = committer(store, linger=3600)
        await commits.commit(b"third")
        last = asyncio.create_task(commits.commit(b"last"))
        await asyncio.sleep(0)
        await asyncio.wait_for(commits.drain(), 30)
        assert last.done()
        assert store.bodies == [joined(text) for text in (b"first", b"second", b"third", b"last")]

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
        assert store.bodies[1:] == [joined(b"bb", b"cc"), joined(b"dd"), joined(b"longer than a group")]

    asyncio.run(scenario())


def test_a_group_ends_at_what_the_engine_may_take():
    async def scenario():
        store = Recorder()
        commits = committer(store, memory=100)
        first = asyncio.create_task(commits.commit(b"first"))
        await started(store, 1)
        later = [asyncio.create_task(commits.commit(text, engine_bytes=60)) for text in (b"b", b"c")]
        later.append(asyncio.create_task(commits.commit(b"d", engine_bytes=40)))
        await asyncio.sleep(0)
        store.release.set()
        await asyncio.gather(first, *later)
        assert store.bodies[1:] == [joined(b"b"), joined(b"c", b"d")]

    asyncio.run(scenario())


def test_who_sends_little_is_in_the_next_insert_however_much_others_send():
    async def scenario():
        store = Recorder()
        commits = committer(store, group=100)
        first = asyncio.create_task(commits.commit(b"first"))
        await started(store, 1)
        flood = [asyncio.create_task(commits.commit(b"%50d" % number, "flood")) for number in range(10)]
        small = asyncio.create_task(commits.commit(b"small", "small"))
        await asyncio.sleep(0)
        store.release.set()
        await asyncio.gather(first, *flood, small)
        assert store.bodies[1] == joined(b"small", b"%50d" % 0)
        assert store.bodies[2:] == [
            *(joined(b"%50d" % number, b"%50d" % (number + 1)) for number in range(1, 9, 2)),
            joined(b"%50d" % 9),
        ]

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
        commits = committer(store, waiting=100_000)
        first = asyncio.create_task(commits.commit(b"1" * 80_000))
        await started(store, 1)
        with pytest.raises(Overloaded, match="80000 bytes of requests are waiting"):
            await commits.commit(b"2" * 30_000, "another")
        store.release.set()
        await first
        await commits.commit(b"3" * 100_000)

    asyncio.run(scenario())


def test_a_caller_that_goes_away_leaves_the_others_their_outcome():
    async def scenario():
        store = Recorder()
        commits = committer(store, waiting=100_000)
        gone = asyncio.create_task(commits.commit(b"gone" * 10_000))
        await started(store, 1)
        stays = asyncio.create_task(commits.commit(b"stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        assert commits.admission.held_bytes > 40_000  # what is on its way is in memory, whoever waits for it
        store.release.set()
        await stays
        await commits.drain()
        assert commits.admission.held_bytes == 0
        assert joined(b"gone" * 10_000) in store.bodies

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
        assert store.bodies == [joined(b"same")]

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
        assert store.bodies == [joined(b"again")] * 2

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
        store.left_open = {identity(b"half"): NOTHING}
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"half")
        store.refuse = None
        await asyncio.gather(commits.commit(b"half"), commits.commit(b"new"))
        assert store.bodies == [joined(b"half"), joined(b"new")]

    asyncio.run(scenario())


def test_what_was_recovered_is_known_though_the_next_group_cannot_be():
    """Two groups were left half-way, and the engine gives up again after the first of them."""

    async def scenario():
        store = HalfRecovering()
        store.release.set()
        commits = committer(store)
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"one")
        store.left = [{identity(b"one"): NOTHING}, StoreUnavailable("gone again"), {identity(b"two"): NOTHING}]
        with pytest.raises(StoreUnavailable, match="gone again"):
            await commits.commit(b"new")
        store.refuse = None
        await asyncio.gather(*map(commits.commit, [b"one", b"two", b"new"]))
        assert store.bodies == [joined(b"one"), joined(b"new")]

    asyncio.run(scenario())


class HalfRecovering(Recorder):
    """Refuses inserts, and recovers what `left` says, one call after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.refuse = StoreUnavailable("gone")
        self.left: list[dict[bytes, Rejection] | Exception] = []

    async def recover(self) -> dict[bytes, Rejection] | None:
        step = self.left.pop(0) if self.left else None
        if isinstance(step, Exception):
            raise step
        return step


def test_what_was_stored_before_a_restart_is_known():
    async def scenario():
        store = Recorder()
        store.release.set()
        store.remembered = [(identity(text), Rejection(1, text.decode())) for text in (b"newer", b"older")]
        commits = committer(store)
        await commits.recover()
        assert await commits.commit(b"older") == Rejection(1, "older")
        assert await commits.commit(b"newer") == Rejection(1, "newer")
        assert store.bodies == []

    asyncio.run(scenario())


def test_each_request_hears_what_was_refused_of_it_and_so_does_a_repetition():
    async def scenario():
        store = Recorder()
        store.release.set()
        store.rejects = {identity(b"partly"): Rejection(3, "invalid span_id")}
        commits = committer(store)
        assert await asyncio.gather(commits.commit(b"wholly"), commits.commit(b"partly")) == [
            NOTHING,
            store.rejects[identity(b"partly")],
        ]
        assert await commits.commit(b"partly") == Rejection(3, "invalid span_id")
        assert sum(b"partly" in body for body in store.bodies) == 1

    asyncio.run(scenario())


def test_nothing_to_store_is_stored_at_once():
    async def scenario():
        store = Recorder()
        commits = committer(store)
        with commits.admission.claim("sender") as claim:
            assert await commits.real.commit(Framed(b"i" * 16, (), 0), claim) == NOTHING
        assert store.bodies == []

    asyncio.run(scenario())


class SlowRecovery(Recorder):
    """Recovers when told, as a large group on a slow disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.release.set()
        self.recovering = asyncio.Event()
        self.recovered = asyncio.Event()

    async def recover(self) -> dict[bytes, Rejection] | None:
        settled, self.left_open = self.left_open, {}
        if settled:
            self.recovering.set()
            await self.recovered.wait()
        return settled or None


@pytest.mark.parametrize("gives_up", [False, True])
def test_whoever_settles_beside_an_insert_takes_nothing_from_it(gives_up):
    """Readiness settles too, and may be cancelled meanwhile: what turned out stored is still not stored again."""

    async def scenario():
        store = SlowRecovery()
        store.left_open = {identity(b"half"): NOTHING}
        commits = committer(store)
        settling = asyncio.create_task(commits.real.settle())
        await store.recovering.wait()
        sent_again = asyncio.create_task(commits.commit(b"half"))
        await asyncio.sleep(0)
        if gives_up:
            settling.cancel()
        await asyncio.sleep(0)
        store.recovered.set()
        assert await sent_again == NOTHING
        assert store.bodies == []
        assert (await asyncio.gather(settling, return_exceptions=True) == [None]) is not gives_up

    asyncio.run(scenario())


class Listening(Watcher):
    """Notes what it is told of spans."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []

    def received(self, signal: str, records: int) -> None:
        self.heard.append(("received", records))

    def inserted(self, signal: str, requests: int, records: int, size_bytes: int, seconds: float) -> None:
        self.heard.append(("inserted", records))

    def rejected(self, signal: str, records: int, reason: str) -> None:
        self.heard.append((reason, records))

    def repeated(self) -> None:
        self.heard.append(("repeated", 1))

    def recovered(self, requests: int, records: Mapping[str, int]) -> None:
        self.heard.append(("recovered", dict(records)))


def test_spans_of_a_half_failed_insert_are_reported_stored_when_it_is_finished():
    """Once, and without those that were refused; the request that is sent again is a repetition."""

    async def scenario():
        store, watcher = Recorder(), Listening()
        store.release.set()
        store.refuse = StoreUnavailable("connection lost")
        committer = GroupCommitter(store, Limits(10_000, 1_000_000), watcher)
        claim = Admission(1_000_000).claim("sender")
        half = frame(request("half", [1] * 5).SerializeToString())
        with pytest.raises(StoreUnavailable):
            await committer.commit(half, claim)
        store.left_open = {half.identity: Rejection(2, "invalid trace_id")}
        store.refuse = None
        await committer.settle()
        await committer.commit(half, claim)
        assert watcher.heard == [
            ("received", 5),
            ("invalid trace_id", 2),
            ("recovered", {"traces": 3}),
            ("repeated", 1),
        ]

    asyncio.run(scenario())


def test_a_server_starts_when_what_was_left_open_cannot_be_finished_yet():
    """A full disk keeps nobody from reading; what is open is finished before anything else is stored."""

    async def scenario():
        store = Recorder()
        store.release.set()
        store.left_open = {identity(b"half"): NOTHING}
        store.refuse = StoreUnavailable("No space left on device")
        commits = committer(store)
        await commits.recover()
        with pytest.raises(StoreUnavailable):
            await commits.commit(b"new")
        store.refuse = None
        await asyncio.gather(commits.commit(b"half"), commits.commit(b"new"))
        assert store.bodies == [joined(b"new")]

    asyncio.run(scenario())


class Neighbour(Recorder):
    """A store that another server stores into, too: `held` are being stored by it, `noted` it has stored."""

    def __init__(self):
        super().__init__()
        self.release.set()
        self.held: set[bytes] = set()
        self.noted: dict[bytes, Rejection] = {}

    async def insert(self, landing, body: bytes, identities) -> dict[bytes, Rejection]:
        mine = set(identities)
        if mine & (self.held | self.noted.keys()):
            stored = {one: rejection for one, rejection in self.noted.items() if one in mine}
            raise Contested(stored, frozenset(mine & self.held))
        return await super().insert(landing, body, identities)


def test_what_another_server_has_stored_is_answered_and_the_rest_of_the_group_is_inserted():
    """With the outcome that was noted there, at once, and from memory the next time."""

    async def scenario():
        store = Neighbour()
        store.noted[identity(b"known")] = Rejection(2, "invalid trace_id")
        commits = committer(store, linger=0.05)
        await commits.commit(b"first")
        answers = await asyncio.gather(commits.commit(b"known"), commits.commit(b"new"))
        assert answers == [Rejection(2, "invalid trace_id"), NOTHING]
        assert store.bodies == [joined(b"first"), joined(b"new")]
        store.noted.clear()
        assert await commits.commit(b"known") == Rejection(2, "invalid trace_id")
        assert len(store.bodies) == 2

    asyncio.run(scenario())


def test_what_another_server_is_storing_waits_and_nothing_else_does():
    """It is asked for again until the other one has stored it, or has given it up; stopping waits for that, too."""

    async def scenario():
        store = Neighbour()
        stored, given_up = identity(b"stored there"), identity(b"given up there")
        store.held |= {stored, given_up}
        commits = committer(store, linger=0.05)
        held = [asyncio.create_task(commits.commit(text)) for text in (b"stored there", b"given up there")]
        assert await commits.commit(b"other") == NOTHING
        draining = asyncio.create_task(commits.drain())
        await asyncio.sleep(2 * HELD_SECONDS[1])
        assert not any(task.done() for task in (*held, draining))
        store.noted[stored] = Rejection(1, "invalid span_id")
        store.held.clear()
        assert await asyncio.gather(*held) == [Rejection(1, "invalid span_id"), NOTHING]
        await draining
        assert store.bodies == [joined(b"other"), joined(b"given up there")]

    asyncio.run(scenario())
