"""Requests of a pipeline over HTTP: the exporter's `Sender`, on the connections that questions are asked on."""

from __future__ import annotations

import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING

from spanhouse.events import otlp_http
from spanhouse.query.asking import content
from spanhouse.query.errors import QueryError, TimedOut
from spanhouse.query.exchange import Exchange
from spanhouse_exporter.retry import OK, Answer

if TYPE_CHECKING:
    from spanhouse.query.exchange import Transport
    from spanhouse_exporter.sender import Attempt

_LONGEST_SECONDS = 3600.0
_LEAST_SECONDS = 0.001


class HttpSender:
    """Sends to the server of one transport, which must not try again by itself: that is the pipeline's to decide.

    Concurrency: an attempt is one thread that waits for the network, ends with its request, and sets an event when it
    has; nobody waits for it longer than they say, and `close` aborts what is under way. The set of attempts is weak and
    its members are copied before they are aborted.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._attempts: weakref.WeakSet[_Sending] = weakref.WeakSet()

    def warm_up(self) -> None:
        """Nothing that would take time is left to do."""

    def start(self, request: bytes, deadline: float, *, in_background: bool) -> Attempt:
        """One attempt."""
        sending = _Sending(self._transport, request, deadline)
        self._attempts.add(sending)
        if in_background:
            try:
                threading.Thread(target=sending.run, name="spanhouse-events", daemon=True).start()
            except RuntimeError:  # the interpreter is ending, or the machine is out of threads
                sending.run()
        else:
            sending.run()
        return sending

    def after_fork(self) -> None:
        """What is under way is the parent's; connections know their process."""
        self._attempts = weakref.WeakSet()

    def close(self) -> None:
        """Ends what is under way."""
        for sending in list(self._attempts):
            sending.abort()


class _Sending:
    """One request under way."""

    def __init__(self, transport: Transport, request: bytes, deadline: float) -> None:
        timeout = min(_LONGEST_SECONDS, max(_LEAST_SECONDS, deadline - monotonic()))
        self._exchange = Exchange(transport, otlp_http.request_of(request), timeout, grace=0.0)
        self._over = threading.Event()
        self._answer = Answer("DEADLINE_EXCEEDED")

    def run(self) -> None:
        try:
            self._answer = self._exchanged()
        finally:
            self._over.set()

    def abort(self) -> None:
        self._exchange.abort()

    def ready(self) -> bool:
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        return self._over.wait(seconds)

    def answer(self, until: float) -> Answer:
        if not self._over.wait(max(0.0, until - monotonic())):
            self.abort()
            return Answer("DEADLINE_EXCEEDED")
        return self._answer

    def _exchanged(self) -> Answer:
        try:
            response = self._exchange.run()
        except QueryError as error:
            return Answer("DEADLINE_EXCEEDED" if isinstance(error, TimedOut) else "UNAVAILABLE", message=str(error))
        refused = otlp_http.refusal(response)
        if refused is None:
            return Answer(OK, content(response))
        return Answer(refused.code, message=str(refused.error), retry_delay=refused.retry_delay)
