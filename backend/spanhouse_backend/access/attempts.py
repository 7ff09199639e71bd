"""Those who were refused: written to the log, and made to wait when they try again and again.

Nobody is locked out: whoever has a right token is let in at once, also from an address that others guess from. All of
it is bounded: the addresses remembered, the answers held back and the lines logged.
"""

import asyncio
import ipaddress
import logging
from collections import OrderedDict

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0
# An address that has not failed for so long begins anew.
FORGET_SECONDS = 300.0
MAX_ADDRESSES = 4096
# Each waits with its connection and up to 64 KiB that it sent and nobody reads.
MAX_DELAYED = 256
LINES_PER_MINUTE = 60


class _Failures:
    """One address's, of late."""

    def __init__(self) -> None:
        self.refused = 0
        self.guesses = 0
        self.last = 0.0


class FailedAttempts:
    """For one event loop: it needs no lock."""

    def __init__(self) -> None:
        # The one that failed last is at the end.
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()
        self._delayed = 0
        self._minute_began = 0.0
        self._lines = 0
        self._unlogged = 0

    async def note(self, peer: str, reason: str, *, guess: bool) -> None:
        """Logs that `peer` (an IP address) was refused because of `reason`, and returns when it may be told so.

        A `guess`, which is a wrong token, waits FIRST_DELAY_SECONDS the first time and twice as long each time after
        that, up to LONGEST_DELAY_SECONDS. With MAX_DELAYED waiting, nobody more does: a flood costs little to
        answer, and 256 random bits are safe from it.
        """
        now = asyncio.get_running_loop().time()
        failures = self._of(_network(peer), now)
        failures.refused += 1
        # At the first, second, fourth, eighth: the more there are, the less is new about one.
        if failures.refused.bit_count() == 1:
            self._log(peer, reason, failures.refused, now)
        if not guess:
            return
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(failures.guesses, 16))
        failures.guesses += 1
        if self._delayed >= MAX_DELAYED:
            return
        self._delayed += 1
        try:
            await asyncio.sleep(delay)
        finally:
            self._delayed -= 1

    def _of(self, address: str, now: float) -> _Failures:
        failures = self._addresses.get(address)
        if failures is None or now - failures.last > FORGET_SECONDS:
            failures = self._addresses[address] = _Failures()
        self._addresses.move_to_end(address)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        failures.last = now
        return failures

    def _log(self, peer: str, reason: str, times: int, now: float) -> None:
        if now - self._minute_began >= 60:  # noqa: PLR2004 - a minute's seconds
            if self._unlogged:
                logger.warning("%d more refusals were not logged", self._unlogged)
            self._minute_began, self._lines, self._unlogged = now, 0, 0
        if self._lines >= LINES_PER_MINUTE:
            self._unlogged += 1
            return
        self._lines += 1
        logger.warning("refused %s: %s%s", peer, reason, f" (refused {times} times of late)" if times > 1 else "")


def _network(peer: str) -> str:
    """What one sender has: an IPv4 address, or the /64 of an IPv6 one, in which he may choose any."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return peer
