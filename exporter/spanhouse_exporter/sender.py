"""Request bytes -> a gRPC receiver, as one unary call with raw bytes on both sides.

gRPC is imported by the first call, on the worker thread: a program that captures nothing does not pay for it. One
attempt is one call here; whether there is another is decided in `delivery`, which sends the same bytes again, so that
a receiver can recognise a repeated delivery.
"""

from __future__ import annotations

# gRPC imports this, and Python refuses to once the main thread has ended: a script that is over before the worker
# has imported gRPC could not deliver its spans.
import concurrent.futures.thread  # noqa: F401
import math
import sys
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import context as otel_context

from spanhouse_exporter.importing import importing
from spanhouse_exporter.retry import OK, UNUSABLE, Answer
from spanhouse_exporter.settings import target_of
from spanhouse_exporter.status_details import TRAILER, retry_delay

if TYPE_CHECKING:
    import grpc

    from spanhouse_exporter.settings import ExporterSettings

# How gRPC refuses, on our side, an answer of more bytes than that.
_UNREADABLE = "CLIENT: Received message larger than max"
_MAX_RESPONSE_BYTES = 4 * 1024 * 1024
_LOOPBACK = ("localhost:", "127.", "[::1]:")
_THREADS_END_EARLY = (3, 12, 0) <= sys.version_info[:3] < (3, 12, 2)
"""These start no thread once the main one has ended (later ones do until the very end); gRPC may need one for a call in
the background, and would notice only after it had begun to send.
"""
_ENDING_SECONDS = 0.5
"""For one attempt while the interpreter ends: what is not answered by then goes to the spool."""
_LONGEST_WAIT_SECONDS = 3600.0
"""Where no limit was asked for: a call that hangs for an hour is not going to be answered."""
_abandoned: list[Any] = []
"""Channels of a parent process: closing one in a forked child waits for threads that only the parent has."""


class Attempt(Protocol):
    """One call on its way."""

    def ready(self) -> bool:
        """Whether `answer` would return at once."""

    def wait(self, seconds: float) -> bool:
        """Waits so long at most; whether the attempt is over."""

    def answer(self, until: float) -> Answer:
        """Waits until that `time.monotonic` instant, then cancels. Never raises."""


class Sender(Protocol):
    """Makes attempts at delivering requests."""

    def warm_up(self) -> None:
        """Does early, on the worker, what would make the first request slow."""

    def start(self, request: bytes, deadline: float, *, in_background: bool) -> Attempt:
        """Sends; `deadline` is a `time.monotonic` instant. Not `in_background`: the attempt returned is over, and no
        thread was started for it. Never raises.
        """

    def after_fork(self) -> None:
        """Forgets connections that belong to the parent process."""

    def close(self) -> None:
        """Ends all attempts and closes connections; the next attempt opens new ones."""


class Over:
    """An attempt whose answer is known."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def ready(self) -> bool:
        """Yes."""
        return True

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - nothing to wait for
        """Over."""
        return True

    def answer(self, until: float) -> Answer:  # noqa: ARG002 - nothing to wait for
        """The answer."""
        return self._answer


class GrpcSender:
    """Sends to one endpoint.

    Concurrency: gRPC's channels and calls may be used from any thread. Two threads may open the channel at once
    only where two send for the first time; `importing` lets one in after the other.
    """

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._channel: grpc.Channel | None = None
        self._call: Any = None

    def after_fork(self) -> None:
        """A connection belongs to the process that opened it: the child opens its own."""
        if self._channel is not None:
            _abandoned.append((self._channel, self._call))
        self._channel = self._call = None

    def warm_up(self) -> None:
        """Imports gRPC and prepares the channel."""
        with suppress(Exception):  # the first attempt will say it
            self._connect()

    def start(self, request: bytes, deadline: float, *, in_background: bool) -> Attempt:
        """One attempt."""
        # Instrumentation of gRPC itself must not trace our own requests.
        token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: SLF001 - no public name exists
        try:
            try:
                call = self._connect()
            except Exception as error:  # noqa: BLE001 - no gRPC, or one that does not load: no attempt can end otherwise
                return Over(Answer(UNUSABLE, message=repr(error)))
            arguments: dict[str, Any] = {"timeout": _timeout(deadline), "metadata": self._settings.headers}
            if _THREADS_END_EARLY and not threading.main_thread().is_alive():
                arguments["timeout"] = min(arguments["timeout"], _ENDING_SECONDS)
            elif in_background:
                try:
                    return _InBackground(call.future(request, **arguments))
                except RuntimeError:
                    # The interpreter no longer starts threads, of which gRPC needs one for this; a plain call needs
                    # none, but a channel of its own: the one that counts on such a thread waits for it without end.
                    self.after_fork()
                    call = self._connect()
                    arguments["timeout"] = min(arguments["timeout"], _ENDING_SECONDS)
            return Over(_call_and_wait(call, request, arguments))
        except Exception as error:  # noqa: BLE001 - whatever gRPC may raise on being misused is no answer
            # Closed by another thread, or out of threads (Python's RuntimeError), for the process is ending: nobody has
            # refused the request.
            ending = self._channel is None or isinstance(error, RuntimeError)
            return Over(Answer("CANCELLED" if ending else "UNKNOWN", message=repr(error)))
        finally:
            otel_context.detach(token)

    def close(self) -> None:
        """Closes the channel, which cancels what is on its way."""
        channel, self._channel, self._call = self._channel, None, None
        if channel is not None:
            channel.close()

    def _connect(self) -> Any:
        call = self._call
        if call is None:
            with importing:
                call = self._call
                if call is None:
                    self._channel = _open(self._settings)
                    call = self._call = self._channel.unary_unary(self._settings.signal.method)
        return call


class _InBackground:
    def __init__(self, future: Any) -> None:
        self._future = future

    def ready(self) -> bool:
        return bool(self._future.done())

    def wait(self, seconds: float) -> bool:
        import grpc  # noqa: PLC0415 - loaded by now

        try:
            self._future.exception(timeout=seconds)
        except grpc.FutureTimeoutError:
            return False
        except Exception:  # noqa: BLE001 - cancelled, which is over
            return True
        return True

    def answer(self, until: float) -> Answer:
        import grpc  # noqa: PLC0415 - loaded by now

        try:
            return Answer(OK, self._future.result(timeout=_timeout(until)))
        except grpc.RpcError as error:
            return _refusal(error)
        except grpc.FutureTimeoutError:
            self._future.cancel()
            return Answer("DEADLINE_EXCEEDED")
        except Exception as error:  # noqa: BLE001 - cancelled by a channel that was closed, most likely
            return Answer("CANCELLED", message=repr(error))


def _call_and_wait(call: Any, request: bytes, arguments: dict[str, Any]) -> Answer:
    import grpc  # noqa: PLC0415 - loaded by now

    try:
        return Answer(OK, call(request, **arguments))
    except grpc.RpcError as error:
        return _refusal(error)


def _refusal(error: Any) -> Answer:
    if _UNREADABLE in (error.details() or ""):
        # The receiver has answered, at a length that no answer has: what was sent is taken, and not sent again.
        return Answer(OK)
    delays = [retry_delay(value) for key, value in error.trailing_metadata() or () if key == TRAILER]
    return Answer(error.code().name, message=error.details() or "", retry_delay=delays[0] if delays else None)


def _timeout(until: float) -> float:
    return min(_LONGEST_WAIT_SECONDS, max(0.001, until - monotonic())) if until < math.inf else _LONGEST_WAIT_SECONDS


def _open(settings: ExporterSettings) -> grpc.Channel:
    from importlib import metadata  # noqa: PLC0415 - a third of what importing this package would cost

    import grpc  # noqa: PLC0415 - see the module's docstring

    target, secure = target_of(settings.endpoint, insecure=settings.insecure)
    options = (
        # gRPC would ask the proxy of `http_proxy` for this very machine.
        ("grpc.enable_http_proxy", int(not target.startswith(_LOOPBACK))),
        # gRPC's own waits between connections grow to two minutes, in which every attempt fails at once: ours are
        # between attempts, and must find out sooner.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
        # OTLP exporter, "User Agent": exporter, language, version; gRPC appends its own.
        ("grpc.primary_user_agent", f"OTel-OTLP-Exporter-spanhouse-python/{metadata.version('spanhouse')}"),
    )
    compression = grpc.Compression.Gzip if settings.gzip else grpc.Compression.NoCompression
    if not secure:
        return grpc.insecure_channel(target, options=options, compression=compression)
    credentials = grpc.ssl_channel_credentials(
        settings.root_certificates, settings.client_key, settings.client_certificate
    )
    return grpc.secure_channel(target, credentials, options=options, compression=compression)
