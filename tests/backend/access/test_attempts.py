"""Refusals: slowed by address, forgotten in time, and bounded in memory and in lines."""

import asyncio
import logging

import pytest

from spanhouse_backend.access import attempts
from spanhouse_backend.access.attempts import FailedAttempts, _network


class Loop(asyncio.SelectorEventLoop):
    """Time goes by at once: what sleeps is woken in order, and the clock says when that would have been."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


def run(work):
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


async def _delay(noting):
    loop = asyncio.get_running_loop()
    began = loop.time()
    await noting
    return loop.time() - began


def test_each_wrong_token_waits_twice_as_long_up_to_a_limit_and_by_address():
    async def delays():
        noted = FailedAttempts()
        first = [await _delay(noted.note("192.0.2.1", "wrong", guess=True)) for _ in range(8)]
        other = await _delay(noted.note("192.0.2.2", "wrong", guess=True))
        await asyncio.sleep(attempts.FORGET_SECONDS + 1)
        later = await _delay(noted.note("192.0.2.1", "wrong", guess=True))
        return first, other, later

    first, other, later = run(delays())
    assert first == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2])
    assert (other, later) == (pytest.approx(0.1), pytest.approx(0.1))


def test_who_sent_no_token_or_lacks_a_role_does_not_wait():
    """A browser always asks without first, and nothing is guessed."""

    async def delays():
        noted = FailedAttempts()
        return [await _delay(noted.note("192.0.2.1", "none", guess=False)) for _ in range(100)]

    assert run(delays()) == [0] * 100


def test_what_waits_is_bounded_and_the_rest_is_answered_at_once():
    async def flood():
        noted = FailedAttempts()
        count = 3 * attempts.MAX_DELAYED
        notes = [_delay(noted.note(f"192.0.2.{index % 250}", "wrong", guess=True)) for index in range(count)]
        waited = await asyncio.gather(*notes)
        # And when they have waited, others may again.
        return waited, await _delay(noted.note("198.51.100.1", "wrong", guess=True))

    waited, after = run(flood())
    assert sum(seconds > 0 for seconds in waited) == attempts.MAX_DELAYED
    assert after > 0


def test_a_connection_that_is_gone_gives_its_place_back():
    async def cancelled():
        noted = FailedAttempts()
        for _ in range(2 * attempts.MAX_DELAYED):
            waiting = asyncio.create_task(noted.note("192.0.2.1", "wrong", guess=True))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return await _delay(noted.note("192.0.2.1", "wrong", guess=True))

    assert run(cancelled()) == pytest.approx(attempts.LONGEST_DELAY_SECONDS)


def test_addresses_are_remembered_up_to_a_number_and_the_latest_win():
    async def many():
        noted = FailedAttempts()
        for index in range(attempts.MAX_ADDRESSES + 100):
            await noted.note(f"10.{index >> 8}.{index & 255}.1", "none", guess=False)
        return list(noted._addresses)

    remembered = run(many())
    assert len(remembered) == attempts.MAX_ADDRESSES
    assert "10.0.0.1" not in remembered


def test_the_log_is_bounded_and_says_what_it_left_out(caplog):
    """By address: the first, second, fourth, eighth. Together: so many lines a minute."""

    async def storm():
        noted = FailedAttempts()
        await asyncio.sleep(1000)
        for _ in range(100):
            await noted.note("192.0.2.1", "wrong", guess=False)
        for index in range(200):
            await noted.note(f"10.0.0.{index}", "wrong", guess=False)
        await asyncio.sleep(61)
        await noted.note("192.0.2.9", "wrong", guess=False)

    with caplog.at_level(logging.WARNING):
        run(storm())
    # Its own alone: what other tests left to other threads, or to be collected, may be logged now too.
    lines = [record.getMessage() for record in caplog.records if record.name == attempts.__name__]
    assert lines[:2] == ["refused 192.0.2.1: wrong", "refused 192.0.2.1: wrong (refused 2 times of late)"]
    assert len([line for line in lines if "192.0.2.1:" in line]) == 7
    assert lines[-2:] == ["147 more refusals were not logged", "refused 192.0.2.9: wrong"]
    assert len(lines) == attempts.LINES_PER_MINUTE + 2


@pytest.mark.parametrize(
    ("peer", "sender"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:/run/x", "unix:/run/x"),
    ],
)
def test_one_sender_is_an_ipv4_address_or_an_ipv6_network(peer, sender):
    assert _network(peer) == sender
