"""Sessions of browsers: how long they last, and how many there are."""

from spanhouse_backend.access.sessions import MAX_SESSIONS, SESSION_SECONDS, Sessions
from spanhouse_backend.access.tokens import Tokens, new_token
from spanhouse_backend.roles import Role

_, READER = new_token("reader", [Role.READ])
TOKENS = Tokens({"reader": READER})


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_session_stands_for_its_token_until_it_is_ended():
    sessions = Sessions()
    one, other = sessions.begin(READER), sessions.begin(READER)
    assert one != other
    assert sessions.holder(one, TOKENS) == READER
    sessions.end(one)
    assert sessions.holder(one, TOKENS) is None
    assert sessions.holder(other, TOKENS) == READER
    assert sessions.holder("guessed", TOKENS) is None


def test_it_has_the_roles_that_its_token_has_now_and_none_when_the_token_is_gone_or_another():
    """A token of the same name with another secret is somebody else's."""
    sessions = Sessions()
    identity = sessions.begin(READER)
    more = READER._replace(roles=frozenset([Role.READ, Role.SQL]))
    assert sessions.holder(identity, Tokens({"reader": more})) == more
    for others in ({}, {"reader": new_token("reader", [Role.READ])[1]}):
        identity = sessions.begin(READER)
        assert sessions.holder(identity, Tokens(others)) is None
        assert sessions.holder(identity, TOKENS) is None


def test_it_ends_after_a_working_day_however_much_it_is_used():
    clock = Clock()
    sessions = Sessions(clock)
    identity = sessions.begin(READER)
    clock.now = SESSION_SECONDS - 1
    assert sessions.holder(identity, TOKENS) == READER
    clock.now = SESSION_SECONDS
    assert sessions.holder(identity, TOKENS) is None


def test_there_are_so_many_and_the_oldest_gives_way():
    sessions = Sessions()
    first, second, *_, last = [sessions.begin(READER) for _ in range(MAX_SESSIONS + 1)]
    assert sessions.holder(first, TOKENS) is None
    assert sessions.holder(second, TOKENS) == sessions.holder(last, TOKENS) == READER
