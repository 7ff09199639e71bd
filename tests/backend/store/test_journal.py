"""The journal: what was begun and not settled is found again, whole; what was never begun is cleared away."""

from spanhouse_backend.store.journal import Journal
from spanhouse_backend.store.landing import TRACES
from spanhouse_backend.store.place import Group

IDENTITIES = [bytes([number]) * 16 for number in range(3)]


def test_a_group_is_found_again_until_it_is_removed(tmp_path):
    journal = Journal(tmp_path / "inflight")
    assert journal.leftovers() == []
    first, second = journal.write(TRACES, b"one", IDENTITIES), journal.write(TRACES, b"two", [])
    later = Journal(tmp_path / "inflight")
    assert later.leftovers() == [first.token, second.token]
    assert later.read(first.token) == first
    assert first.identities == tuple(IDENTITIES)
    later.remove(first.token)
    assert later.leftovers() == [second.token]
    assert later.read(second.token) == second
    later.remove(second.token)
    assert later.read(second.token) is None
    assert list((tmp_path / "inflight").iterdir()) == []


def test_a_group_of_an_earlier_version_went_to_the_only_landing_table_there_was(tmp_path):
    """Its token is the boot and a number, or a number alone, and says nothing of a table."""
    journal = Journal(tmp_path / "inflight")
    for token in ("0123", "boot-0123"):
        (tmp_path / "inflight" / f"{token}.identities").write_bytes(IDENTITIES[0])
        (tmp_path / "inflight" / f"{token}.body").write_bytes(b"body")
        assert journal.read(token) == Group(token, b"body", (IDENTITIES[0],), TRACES, token)


def test_a_group_that_was_never_whole_was_never_begun(tmp_path):
    """Killed while writing: identities, or a body that was not renamed, are no group."""
    journal = Journal(tmp_path / "inflight")
    (tmp_path / "inflight" / "dead.identities").write_bytes(b"x" * 16)
    (tmp_path / "inflight" / "dead.tmp").write_bytes(b"half")
    assert journal.leftovers() == []
    assert list((tmp_path / "inflight").iterdir()) == []
