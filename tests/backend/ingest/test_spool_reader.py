"""The spool: every whole file is stored once by whoever comes first, broken ones are set aside, the rest stays."""

import asyncio
import fcntl
import os

import pytest
from otlp_requests import SECOND, log_request, request

from spanhouse_backend.errors import MalformedData, StoreUnavailable
from spanhouse_backend.ingest import spool
from spanhouse_backend.ingest.admission import Admission, Claim
from spanhouse_backend.ingest.answer import Intake
from spanhouse_backend.ingest.framing import NO_LIMIT, Framed, frame
from spanhouse_backend.ingest.signals import LOGS, TRACES, Signal
from spanhouse_backend.ingest.spool import SpoolReader
from spanhouse_backend.store.rejection import NOTHING, Rejection

LIMIT = 100_000


class Commits:
    """Takes what the group commit would; refuses what it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.taken: list[bytes] = []
        self.signals: list[Signal] = []
        self.refuse: Exception | None = None

    async def __call__(self, request: Framed, _claim: Claim) -> Rejection:
        self.begun.set()
        await self.may_end.wait()
        framed = b"".join(request.elements)
        if b"undecodable" in framed:
            raise MalformedData("does not decode")
        if self.refuse is not None:
            raise self.refuse
        self.taken.append(framed)
        self.signals.append(request.signal)
        return NOTHING


def write(directory, number, content):
    path = directory / f"{number:020}-1-0.otlp"
    path.write_bytes(content)
    return path


def good(number):
    return request(f"service-{number}", [number], start_ns=SECOND).SerializeToString()


def stored(number):
    """What of a good file reaches the commit."""
    return b"".join(frame(good(number)).elements)


def reader(directory, commits, signal=TRACES):
    return SpoolReader(directory, Intake(commits, Admission(1 << 20), LIMIT, NO_LIMIT, LIMIT), signal=signal)


def take_in(directory, commits, signal=TRACES):
    return asyncio.run(reader(directory, commits, signal).take_in())


def test_every_file_is_stored_oldest_first_and_deleted(tmp_path):
    for number in reversed(range(40)):
        write(tmp_path, number, good(number))
    commits = Commits()
    assert take_in(tmp_path, commits) == 40
    assert commits.taken == [stored(number) for number in range(40)]
    assert list(tmp_path.iterdir()) == []


def test_no_spool_is_an_empty_spool(tmp_path):
    assert take_in(tmp_path / "nowhere", Commits()) == 0


def test_requests_of_other_signals_are_left_alone(tmp_path):
    """docs/spool.md: each signal has a folder; a request of logs would be taken for spans, its bytes look alike."""
    (tmp_path / "logs").mkdir()
    logs = write(tmp_path / "logs", 1, good(1))
    write(tmp_path, 2, good(2))
    commits = Commits()
    assert take_in(tmp_path, commits) == 1
    assert commits.taken == [stored(2)]
    assert logs.read_bytes() == good(1)


def test_each_signal_is_taken_from_its_folder_for_what_it_is(tmp_path):
    """What is broken in a folder is set aside in that folder."""
    (tmp_path / "logs").mkdir()
    write(tmp_path, 1, good(1))
    body = log_request("logs", ["hello"]).SerializeToString()
    write(tmp_path / "logs", 2, body)
    broken = write(tmp_path / "logs", 3, body[:-3])
    commits = Commits()
    assert take_in(tmp_path, commits, LOGS) == 1
    assert commits.taken == [b"".join(frame(body, signal=LOGS).elements)]
    assert commits.signals == [LOGS]
    assert [path.name for path in (tmp_path / "logs" / "corrupt").iterdir()] == [broken.name]
    assert take_in(tmp_path, commits) == 1
    assert commits.signals == [LOGS, TRACES]


def test_files_that_are_not_whole_requests_are_set_aside(tmp_path):
    broken = [
        write(tmp_path, 1, good(1)[:-3]),
        write(tmp_path, 2, request("undecodable", [1]).SerializeToString()),
        write(tmp_path, 3, b"\x0a\xff\xff\xff\x0f" + b"x" * LIMIT),
    ]
    fine = write(tmp_path, 4, good(4))
    commits = Commits()
    assert take_in(tmp_path, commits) == 1
    assert commits.taken == [stored(4)]
    assert not fine.exists()
    assert sorted(path.name for path in (tmp_path / "corrupt").iterdir()) == sorted(path.name for path in broken)


def test_a_file_that_somebody_else_delivers_is_left_to_them(tmp_path):
    taken, free = write(tmp_path, 1, good(1)), write(tmp_path, 2, good(2))
    descriptor = os.open(taken, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    commits = Commits()
    try:
        assert take_in(tmp_path, commits) == 1
    finally:
        os.close(descriptor)
    assert commits.taken == [stored(2)]
    assert taken.exists()
    assert not free.exists()
    assert take_in(tmp_path, commits) == 1


def test_several_readers_store_each_file_once(tmp_path):
    for number in range(60):
        write(tmp_path, number, good(number))
    commits = Commits()

    async def race():
        readers = [reader(tmp_path, commits) for _ in range(5)]
        return sum(await asyncio.gather(*(reader.take_in() for reader in readers)))

    assert asyncio.run(race()) == 60
    assert sorted(commits.taken) == sorted(stored(number) for number in range(60))


def test_what_the_store_cannot_take_now_stays(tmp_path):
    paths = [write(tmp_path, number, good(number)) for number in range(3)]
    commits = Commits()
    commits.refuse = StoreUnavailable("disk full")
    with pytest.raises(StoreUnavailable):
        take_in(tmp_path, commits)
    assert all(path.exists() for path in paths)
    commits.refuse = None
    assert take_in(tmp_path, commits) == 3


async def stopped_while_storing(directory, commits, then):
    """Cancels a reader that waits for the store, as a server that stops does, and calls `then` when it waits on."""
    commits.may_end.clear()
    watching = asyncio.create_task(reader(directory, commits).watch())
    await commits.begun.wait()
    watching.cancel()
    for _ in range(100):  # turns of the loop: to end takes it a few
        await asyncio.sleep(0)
    assert not watching.done()
    then()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_a_server_that_stops_ends_what_it_has_begun(tmp_path):
    """Else a file stays whose spans are stored, and is stored once more by a server that starts days later."""
    for number in range(20):
        write(tmp_path, number, good(number))
    commits = Commits()
    asyncio.run(stopped_while_storing(tmp_path, commits, commits.may_end.set))
    left = sorted(path.name for path in tmp_path.iterdir())
    assert commits.taken == [stored(number) for number in range(len(commits.taken))]
    assert left == [f"{number:020}-1-0.otlp" for number in range(len(commits.taken), 20)]
    assert 0 < len(left) < 20  # nor does it begin anew


def test_a_store_that_never_answers_does_not_keep_a_server_from_stopping(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_FINISH_SECONDS", 1.0)
    path = write(tmp_path, 1, good(1))
    commits = Commits()
    asyncio.run(stopped_while_storing(tmp_path, commits, lambda: None))
    assert commits.taken == []
    assert path.exists()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free for the next


def test_unfinished_files_and_links_are_not_touched(tmp_path):
    unfinished = tmp_path / f".{1:020}-1-0.otlp.tmp"
    unfinished.write_bytes(good(1)[:10])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(good(2))
    link = tmp_path / f"{2:020}-1-0.otlp"
    link.symlink_to(elsewhere)
    commits = Commits()
    assert take_in(tmp_path, commits) == 0
    assert unfinished.exists()
    assert link.is_symlink()
    assert elsewhere.exists()
