"""The two ways of a put: waiting until the server has stored it, or leaving it to a pipeline."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from spanhouse import forks, outlets
from spanhouse.events import otlp_http
from spanhouse.events.errors import EventsRefused
from spanhouse.events.event_bytes import SCOPE
from spanhouse.events.http_sender import HttpSender
from spanhouse.query.errors import QueryError
from spanhouse.query.exchange import Exchange
from spanhouse_exporter import ExporterStatus, Pipeline, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spanhouse.query.exchange import Transport
    from spanhouse_exporter import ExporterSettings

_MOST_BYTES = 3 * 1024 * 1024
"""Of a request of more than one event: what a pipeline's are, and less than receivers refuse."""


class Puts(Protocol):
    """Where encoded events go."""

    def put(self, records: Sequence[bytes]) -> None:
        """Takes them."""

    def flush(self, timeout: float) -> bool:
        """Waits until what was taken is settled; False when `timeout` seconds passed first."""

    def status(self) -> ExporterStatus:
        """What became of them."""

    def close(self, timeout: float) -> bool:
        """Ends this, within `timeout` seconds; False when something was lost over it."""


class WaitingPuts:
    """Each put waits until all of it is stored, and raises what keeps it from that.

    A request that the server asks for again is sent again with the same bytes, which it stores once.
    """

    def __init__(self, transport: Transport, resource: Callable[[], bytes], timeout: float) -> None:
        self._transport = transport
        self._resource = resource
        self._timeout = timeout
        self._stored = self._requests = 0

    def put(self, records: Sequence[bytes]) -> None:
        """Raises QueryError, or a kind of it; what was stored of a put before that is said in a note of the error."""
        stored = refused = 0
        why = ""
        for piece in _pieces(records):
            try:
                piece_refused, said = self._send(piece)
            except QueryError as error:
                if stored:
                    error.add_note(f"{stored} of the {len(records)} events of this put are stored")
                raise
            stored += len(piece) - piece_refused
            refused += piece_refused
            why = why or said
        if refused:
            raise EventsRefused(why or "the server gave no reason", refused)

    def flush(self, timeout: float) -> bool:  # noqa: ARG002 - nothing waits
        """Nothing waits."""
        return True

    def status(self) -> ExporterStatus:
        """What was stored."""
        return ExporterStatus(exported=self._stored, requests=self._requests)

    def close(self, timeout: float) -> bool:  # noqa: ARG002 - nothing waits
        """Closes the connections."""
        self._transport.close()
        return True

    def _send(self, records: list[bytes]) -> tuple[int, str]:
        """(how many were refused, why)."""
        request = envelope.request(self._resource(), [(SCOPE, records)])
        response = Exchange(self._transport, otlp_http.request_of(request), self._timeout, grace=0.0).run()
        not_taken = otlp_http.refusal(response)
        if not_taken is not None:
            raise not_taken.error
        refused, why = otlp_http.refused_items(response)
        self._stored += len(records) - refused
        self._requests += 1
        return refused, why


class QueuedPuts:
    """Puts wait as bytes, and the pipeline's worker sends them: bounded, through forks and the end of the process.

    Concurrency: what is shared is the pipeline, whose worker holds this through `resource`, so that a client which is
    dropped with events waiting still delivers them.
    """

    def __init__(self, transport: Transport, resource: Callable[[], bytes], settings: ExporterSettings) -> None:
        self._transport = transport
        self._given_resource = resource
        self._pipeline = Pipeline(settings, self._resource, HttpSender(transport))
        self._intake = self._pipeline.intake(SCOPE)
        self._at_exit = _at_exit(self)
        outlets.outlets.add(self)

    def put(self, records: Sequence[bytes]) -> None:
        """Never waits and never raises: what finds no room is counted."""
        if os.getpid() != forks.process:  # a fork in C, where Python's hooks are not run
            forks.noticed_late()
        for record in records:
            self._intake.put(record)

    def flush(self, timeout: float) -> bool:
        """Waits until they are stored, in the spool or given up."""
        return self._pipeline.flush(timeout)

    def status(self) -> ExporterStatus:
        """Counts as of now."""
        return self._pipeline.status()

    def close(self, timeout: float) -> bool:
        """Delivers what waits; what there is no time for goes to the spool."""
        atexit.unregister(self._at_exit)
        done = self._pipeline.shutdown(timeout)
        self._transport.close()
        return done

    def end(self) -> None:
        """The process ends."""
        self.close(self._pipeline.exit_seconds)

    def _resource(self) -> bytes:
        return self._given_resource()


def _at_exit(puts: QueuedPuts) -> Any:
    # A weak reference: an exit handler must not keep alive what its program has let go, unless something waits in it.
    alive = weakref.ref(puts)

    def at_exit() -> None:
        found = alive()
        if found is not None:
            found.end()

    atexit.register(at_exit)
    return at_exit


def _pieces(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The records of one request after the other."""
    piece: list[bytes] = []
    size = 0
    for record in records:
        if piece and size + len(record) > _MOST_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(record)
        size += len(record)
    if piece:
        yield piece
