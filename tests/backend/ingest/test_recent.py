"""Recent identities: known within the window and the count, forgotten beyond."""

from spanhouse_backend.ingest import recent
from spanhouse_backend.ingest.recent import RecentRequests
from spanhouse_backend.store.rejection import NOTHING


def identities(first, last):
    return [number.to_bytes(16, "big") for number in range(first, last)]


def outcomes(first, last):
    return dict.fromkeys(identities(first, last), NOTHING)


def known_of(known, first, last):
    return [known.outcome(identity) is not None for identity in identities(first, last)]


def test_the_oldest_are_forgotten_beyond_the_count(monkeypatch):
    monkeypatch.setattr(recent, "MAX_IDENTITIES", 10)
    known = RecentRequests()
    known.add(outcomes(0, 8))
    known.add(outcomes(8, 13))
    assert known_of(known, 0, 13) == [False] * 3 + [True] * 10


def test_the_oldest_are_forgotten_after_the_window(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(recent, "monotonic", lambda: now[0])
    known = RecentRequests()
    known.add(outcomes(0, 3))
    now[0] += recent.WINDOW_SECONDS
    known.add(outcomes(3, 4))
    assert len(known) == 4
    now[0] += 1
    known.add({})
    assert known_of(known, 0, 4) == [False, False, False, True]
