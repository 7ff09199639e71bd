"""One request's way to the receiver: attempts until its deadline, then the spool.

While the receiver is away nothing waits for it: new requests go straight to the spool, and the oldest file there is
the probe, tried with growing waits. When it arrives, the rest of the spool follows, behind what is new.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from spanhouse_exporter import envelope, status
from spanhouse_exporter.notices import Notices
from spanhouse_exporter.retry import INVALID, OK, UNIMPLEMENTED, UNUSABLE, Answer, Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from spanhouse_exporter.sender import Attempt, Sender
    from spanhouse_exporter.settings import ExporterSettings
    from spanhouse_exporter.spool import Entry, Spool

_FIRST_PROBE_SECONDS = 1.0
_LOOK_SECONDS, _LAST_ATTEMPT_SECONDS = 0.2, 0.6
_SPOOL_LOOK_SECONDS = 30.0
"""How often a program whose receiver answers looks for what others have left in the spool."""


class Outcome(NamedTuple):
    """What became of one request."""

    ok: bool = False
    """The receiver has acknowledged it."""
    rejected: int = 0
    """Items that the receiver refused although it took the request."""
    spooled: bool = False
    """It is in the spool."""
    pushed_out: int = 0
    """Items of older requests that left the spool for it."""
    undelivered: bool = False
    """Nobody has refused it: it can be kept for later."""
    message: str = ""
    """Why it is undelivered, in the receiver's or gRPC's words."""
    reason: str = status.EXPORT_FAILED
    """Why it is lost, when it is nothing of the above."""


_UNDELIVERED = Outcome(undelivered=True)


def open_spool(settings: ExporterSettings) -> Spool | None:
    """The spool, where there is to be one."""
    if settings.spool_directory is None:
        return None
    from spanhouse_exporter.spool import Spool  # noqa: PLC0415 - needs what only POSIX systems have

    return Spool(settings.spool_directory, settings.spool_max_bytes, settings.signal)


class Flight:
    """A request and the attempt at it; `attempt` is None where none is worth making."""

    def __init__(self, request: bytes, give_up: float) -> None:
        self.request = request
        self.begun: float = monotonic()
        self.give_up = give_up
        self.hurried = False
        self.attempt: Attempt | None = None
        self.backoff: Backoff = Backoff()


class Delivery:
    """Brings requests to one receiver.

    Concurrency: `begin` and `finish` may be used by any thread, each flight by one. `replay` is left to whoever
    holds `_replaying`, without waiting. The rest are single words, read and written whole: a thread that sees an
    old one makes one attempt too many or one file too many, and loses nothing.
    """

    def __init__(self, settings: ExporterSettings, sender: Sender, spool: Spool | None) -> None:
        self._settings = settings
        self._sender = sender
        self._spool = spool
        self._notices = Notices(settings.signal.logger)
        self.observe: Callable[[float, str], None] | None = None
        """Told of each request that was tried: seconds from the first attempt to the last answer, and its status code,
        "" where the receiver took all of it, `rejected` where not all.
        """
        self._reset()

    def _reset(self) -> None:
        self._wake = threading.Event()
        self._ending = False  # as `_wake`, quicker to ask
        self._send_until = math.inf
        self._failing = False
        self._away = False
        self._unusable = False
        self._next_probe = 0.0
        self._probe_backoff = Backoff(_FIRST_PROBE_SECONDS)
        self._answered = False
        self._unserved = False
        self._next_look = 0.0
        self._replaying = threading.Lock()
        self._entries: Iterator[Entry] | None = None
        self._probe: tuple[Entry, Attempt] | None = None
        self._probe_begun = 0.0

    @property
    def away(self) -> bool:
        """The receiver does not answer, and requests go to the spool."""
        return self._away

    def with_pushed_out(self, dropped: Mapping[str, int]) -> dict[str, int]:
        """What has occurred of `dropped`, and the items of set-aside requests that made room for others."""
        found = Counter(dropped)
        if self._spool is not None:
            found[status.SPOOL_FULL] += self._spool.pushed_out_aside
        return dict(+found)

    def after_fork(self) -> None:
        """In the child: nothing is on its way."""
        self._reset()
        self._sender.after_fork()
        if self._spool is not None:
            self._spool.after_fork()

    def warm_up(self) -> None:
        """Loads and connects; see `Sender`."""
        self._sender.warm_up()

    def end(self, send_until: float) -> None:
        """From now on: no waits, no threads, no attempt beyond `send_until` (`time.monotonic`)."""
        self._send_until = send_until
        self._ending = True
        self._wake.set()

    def close(self) -> None:
        """Ends what is on its way."""
        self._sender.close()

    def deliver(self, request: bytes, timeout_seconds: float = math.inf) -> Outcome:
        """All of it, for callers with one request at a time."""
        outcome = self.finish(self.begin(request, timeout_seconds))
        return self.keep(request, outcome.message) if outcome.undelivered else outcome

    def begin(self, request: bytes, timeout_seconds: float = math.inf) -> Flight:
        """Sends; `finish` must follow."""
        flight = Flight(request, monotonic() + min(timeout_seconds, self._settings.timeout_seconds))
        if not (self._away or self._unusable or (self._ending and self._failing)):
            self._attempt(flight)
        return flight

    def finish(self, flight: Flight) -> Outcome:
        """Waits for the answer, makes further attempts. Never raises; what is `undelivered` is the caller's to `keep`,
        so that nobody else has done so meanwhile.
        """
        message = ""
        while flight.attempt is not None:
            answer = flight.attempt.answer(self._wait_for(flight, flight.attempt))
            if answer.code == OK:
                self._is_there()
                return self._concluded(flight.begun, answer, self._accepted(answer))
            message = f"{answer.code} {answer.message}".strip()
            if answer.code == UNUSABLE:
                self._give_up_for_good(answer)
                break
            if not answer.retryable:
                return self._concluded(flight.begun, answer, self._refused(answer))
            self._failing = True
            wait = flight.backoff.next_wait(answer.retry_delay)
            # An ending process has no time to wait in, and a receiver known to be away is not worth it.
            if self._away or monotonic() + wait >= flight.give_up or self._ends_within(wait):
                self._concluded(flight.begun, answer)
                break
            self._attempt(flight)
        return Outcome(undelivered=True, message=message)

    def keep(self, request: bytes, message: str = "") -> Outcome:
        """Into the spool; `message` says why."""
        if self._spool is None:
            if self._unusable:
                return Outcome()
            if self._ending:
                return Outcome(reason=status.SHUTDOWN)
            self._notices.warning(
                "away",
                "spanhouse: %s does not answer (%s): %s are dropped",
                self._settings.endpoint,
                message,
                self._settings.signal.items,
            )
            return Outcome()
        kept = self._spool.keep(request)
        if not kept.ok:
            return Outcome(reason=status.SPOOL_FAILED)
        if not (self._away or self._unusable or self._ending):
            self._away = True
            self._probe_backoff = Backoff(_FIRST_PROBE_SECONDS)
            self._next_probe = monotonic() + self._probe_backoff.next_wait()
            self._notices.info(
                "away",
                "spanhouse: %s does not answer (%s): %s go to the spool until it does",
                self._settings.endpoint,
                message,
                self._settings.signal.items,
            )
        return Outcome(spooled=True, pushed_out=kept.pushed_out)

    def replay(self, keep_going: Callable[[], bool]) -> int:
        """Sends what is in the spool while `keep_going` says so; the number of items delivered.

        While the receiver is away this only starts a probe or looks at the last one, and never waits.
        """
        spool = self._spool
        if spool is None or self._unusable or self._ending or self._main_thread_is_over():
            return 0
        if not self._replaying.acquire(blocking=False):
            return 0
        try:
            return self._probe_receiver(spool) if self._away else self._replay(spool, keep_going)
        finally:
            self._replaying.release()

    def _deadline(self, flight: Flight) -> float:
        if not flight.hurried and self._main_thread_is_over():
            flight.hurried = True
            flight.give_up = min(flight.give_up, monotonic() + _LAST_ATTEMPT_SECONDS)
        return min(flight.give_up, self._send_until)

    def _wait_for(self, flight: Flight, attempt: Attempt) -> float:
        """Returns when the attempt is over or its time is: with the instant at which that is."""
        while (remaining := self._deadline(flight) - monotonic()) > 0 and not attempt.wait(
            min(remaining, _LOOK_SECONDS)
        ):
            pass
        return self._deadline(flight)

    def _ends_within(self, seconds: float) -> bool:
        """Waits so long, or until the process is ending."""
        give_up = monotonic() + seconds
        while not self._main_thread_is_over():
            remaining = give_up - monotonic()
            if remaining <= 0:
                return False
            if self._wake.wait(min(remaining, _LOOK_SECONDS)):
                break
        return True

    def _main_thread_is_over(self) -> bool:
        """The interpreter is ending, and a processor of the SDK may be emptying itself into us: to the spool, then."""
        return self._spool is not None and not threading.main_thread().is_alive()

    def _attempt(self, flight: Flight) -> None:
        deadline = self._deadline(flight)
        # A call in the background can be left when the process ends; it needs a thread of gRPC's, which must not be
        # started any more when it is ending.
        flight.attempt = self._sender.start(
            flight.request, deadline, in_background=not (self._ending or self._main_thread_is_over())
        )

    def _accepted(self, answer: Answer) -> Outcome:
        try:
            rejected, message = envelope.partial_success(answer.response)
        except ValueError:
            return Outcome(ok=True)
        if rejected or message:
            # OTLP, "Partial Success": taken, never retried. Without rejected items the message is a warning to us.
            items = self._settings.signal.items
            self._notices.warning("partial", "spanhouse: the receiver rejected %d %s: %s", rejected, items, message)
        return Outcome(ok=True, rejected=rejected)

    def _concluded(self, begun: float, answer: Answer, outcome: Outcome = _UNDELIVERED) -> Outcome:
        """Reports a request that was tried, once, after its last attempt."""
        if self.observe is not None:
            partly = status.REJECTED if outcome.rejected else ""
            self.observe(monotonic() - begun, partly if answer.code == OK else answer.code)
        return outcome

    def _give_up_for_good(self, answer: Answer) -> None:
        """No attempt at anything can succeed in this process: that is said once, and no further one is made."""
        if self._unusable:
            return
        self._unusable = True
        self._settings.signal.logger.warning(
            "spanhouse: gRPC cannot be used in this process (%s): %s %s; reinstall grpcio to export",
            answer.message,
            self._settings.signal.items,
            "are dropped" if self._spool is None else "go to the spool",
        )

    def _refused(self, answer: Answer) -> Outcome:
        if answer.code == UNIMPLEMENTED:
            self._is_not_served(answer)
            return Outcome()
        self._answered = True
        reason = status.TOO_LARGE if answer.too_large else status.EXPORT_FAILED
        if not answer.too_large:
            self._notices.warning(
                "refused",
                "spanhouse: %s refused a request: %s %s",
                self._settings.endpoint,
                answer.code,
                answer.message,
            )
        return Outcome(reason=reason)

    def _is_there(self) -> None:
        """The receiver takes requests."""
        self._failing = self._away = self._unserved = False
        self._answered = True

    def _is_not_served(self, answer: Answer) -> None:
        """Nobody there takes this signal: spooling for it, and asking again with what is spooled, would have no end.
        What is in the spool waits there until a receiver has taken something new.
        """
        self._failing = self._away = self._answered = False
        if self._unserved:
            return
        self._unserved = True
        signal = self._settings.signal
        self._notices.warning(
            "unserved",
            "spanhouse: %s takes no %s (%s %s): %s are dropped until it does; OTEL_%s_EXPORTER=none ends this",
            self._settings.endpoint,
            signal.name,
            answer.code,
            answer.message,
            signal.items,
            signal.name.upper(),
        )

    def _probe_receiver(self, spool: Spool) -> int:
        now = monotonic()
        if self._probe is None:
            if now < self._next_probe:
                return 0
            entry = next(spool.entries(), None)
            self._probe_begun = now
            if entry is None:  # others have emptied it: the next request of our own finds out
                self._away = self._failing = False
                return 0
            deadline = now + self._settings.timeout_seconds
            self._probe = (entry, self._sender.start(entry.request, deadline, in_background=True))
            return 0
        entry, attempt = self._probe
        if not attempt.ready():
            return 0
        self._probe = None
        answer = attempt.answer(now)
        self._next_probe = now + self._probe_backoff.next_wait(answer.retry_delay)
        return self._settle_entry(entry, answer, self._probe_begun)

    def _replay(self, spool: Spool, keep_going: Callable[[], bool]) -> int:
        now = monotonic()
        if self._entries is None:
            if not self._answered or now < self._next_look:
                return 0
            self._entries = spool.entries()
        replayed = 0
        while keep_going() and not self._ending:
            entry = next(self._entries, None)
            if entry is None:
                self._entries = None
                self._next_look = now + _SPOOL_LOOK_SECONDS
                break
            begun = monotonic()
            until = begun + self._settings.timeout_seconds
            answer = self._sender.start(entry.request, until, in_background=True).answer(until)
            replayed += self._settle_entry(entry, answer, begun)
            if answer.code not in (OK, INVALID):
                self._entries = None
                self._next_look = monotonic() + _SPOOL_LOOK_SECONDS
                break
        return replayed

    def _settle_entry(self, entry: Entry, answer: Answer, begun: float) -> int:
        """Items delivered."""
        if answer.code == OK:
            rejected = self._concluded(begun, answer, self._accepted(answer)).rejected
            self._is_there()
            self._next_look = 0.0
            entry.remove()
            return max(0, entry.item_count - rejected)
        self._concluded(begun, answer)
        if answer.code == INVALID:
            self._notices.warning("corrupt", "spanhouse: a spooled request was refused and set aside")
            entry.set_aside()
            self._away = False
            return 0
        if answer.code == UNIMPLEMENTED:
            self._is_not_served(answer)
        # Refused for a reason that may pass (credentials, a wrong address): it stays where it is.
        entry.release()
        return 0
