"""Request bytes -> a gRPC receiver, as one unary call with raw bytes on both sides.

gRPC is imported by the first send, on the worker thread: a program that captures nothing does not pay for it.
Retries resend the same bytes, which is what lets a receiver recognise a repeated delivery.
"""

from __future__ import annotations

# gRPC imports this, and Python refuses to once the main thread has ended: a script that is over before the worker
# has imported gRPC could not deliver its spans.
import concurrent.futures.thread  # noqa: F401
import logging
import random
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from spanhouse_exporter import envelope
from spanhouse_exporter.importing import importing
from spanhouse_exporter.pipeline import Outcome
from spanhouse_exporter.settings import target_of

if TYPE_CHECKING:
    import grpc

    from spanhouse_exporter.settings import ExporterSettings

_logger = logging.getLogger(__name__)

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 0.1, 5.0
_MAX_RESPONSE_BYTES = 4 * 1024 * 1024
# OTLP specification, "Failures": the codes worth another attempt.
_RETRYABLE = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"))


class GrpcSender:
    """Sends to one endpoint.

    Concurrency: only the worker thread sends; `interrupt` is called by others and merely moves a number and
    sets an event, both of which the worker reads between attempts.
    """

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self.after_fork()

    def after_fork(self) -> None:
        """A connection belongs to the process that opened it: the child opens its own."""
        self._channel: grpc.Channel | None = None
        self._call: Any = None
        self._interrupted = threading.Event()
        self._give_up_at_latest = float("inf")

    def interrupt(self, give_up: float) -> None:
        """From now on nothing takes longer than until `give_up` (`time.monotonic`)."""
        self._give_up_at_latest = give_up
        self._interrupted.set()

    def warm_up(self) -> None:
        """Imports gRPC and starts to connect."""
        self._connect()

    def send(self, request: bytes, give_up: float) -> Outcome:
        """One request, all attempts; never raises."""
        # Instrumentation of gRPC itself must not trace our own requests.
        token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: SLF001 - no public name exists
        try:
            return self._attempts(request, give_up)
        finally:
            otel_context.detach(token)

    def close(self) -> None:
        """Closes the channel."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            channel.close()

    def _attempts(self, request: bytes, give_up: float) -> Outcome:
        call = self._connect()
        import grpc  # noqa: PLC0415 - see the module's docstring

        backoff = _FIRST_BACKOFF_SECONDS
        while True:
            remaining = min(give_up, self._give_up_at_latest) - monotonic()
            try:
                response = call(request, timeout=max(0.001, remaining), metadata=self._settings.headers)
            except grpc.RpcError as error:
                code = error.code().name
                if code not in _RETRYABLE:
                    _logger.warning("spanhouse: %s refused a request: %s", self._settings.endpoint, code)
                    return Outcome(ok=False)
            else:
                return self._accepted(response)
            delay = backoff * random.uniform(0.5, 1)  # noqa: S311 - jitter
            backoff = min(backoff * 2, _LONGEST_BACKOFF_SECONDS)
            remaining = min(give_up, self._give_up_at_latest) - monotonic()
            if delay >= remaining:
                _logger.warning("spanhouse: %s did not answer in time: %s", self._settings.endpoint, code)
                return Outcome(ok=False)
            if self._interrupted.wait(delay):
                self._interrupted.clear()  # woken once, to look at the new deadline; not to spin until it

    def _accepted(self, response: bytes) -> Outcome:
        try:
            rejected, message = envelope.partial_success(response)
        except ValueError:
            return Outcome(ok=True)
        if rejected or message:
            _logger.warning("spanhouse: the receiver rejected %d spans: %s", rejected, message)
        return Outcome(ok=True, rejected=rejected)

    def _connect(self) -> Any:
        if self._call is None:
            with importing:
                self._call = self._open().unary_unary(METHOD)
        return self._call

    def _open(self) -> grpc.Channel:
        import grpc  # noqa: PLC0415 - see the module's docstring

        target, secure = target_of(self._settings.endpoint, insecure=self._settings.insecure)
        options = (("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),)
        if secure:
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
        else:
            self._channel = grpc.insecure_channel(target, options=options)
        return self._channel
