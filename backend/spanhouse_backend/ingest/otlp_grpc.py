"""The OTLP/gRPC door: a generic handler that reads the request's raw bytes itself.

No deserializer is registered, so gRPC hands over what came off the wire (decompressed). The method is declared with a
stream of requests, which on the wire is the same: so we are asked before a message is read, and not told afterwards.
Until then no more of it is in memory than HTTP/2's window. The answer is an ExportTraceServiceResponse: empty, which
encodes to no bytes at all, unless some spans were refused. The services of the other signals are the same.
"""

import asyncio
from contextvars import ContextVar
from typing import NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2

from spanhouse_backend.errors import MalformedData, Overloaded, StoreError, TooLarge
from spanhouse_backend.ingest.admission import Claim
from spanhouse_backend.ingest.answer import UNAVAILABLE_RETRY_SECONDS, Intake
from spanhouse_backend.ingest.signals import SIGNALS, Signal

message_bytes: ContextVar[int] = ContextVar("message_bytes", default=0)
"""How large the message of the call under way is, for whoever watches the door: the call itself does not say."""

MESSAGE_SECONDS = 60.0
"""A sender has this long to come to its message's end."""
# How many messages are read at once while they come quickly, and what quickly means. gRPC does not say how large a
# message will be: for this long it is the network that bounds what has come, and after it the budget does.
_READERS = 64
_QUICK_SECONDS = 0.5


def otlp_services(intake: Intake) -> list[grpc.GenericRpcHandler]:
    """The service of every signal, passing each request to `intake` and answering when that returns.

    Statuses are those of the OTLP specification ("OTLP/gRPC Response"): INVALID_ARGUMENT is not to be retried,
    UNAVAILABLE is, and RESOURCE_EXHAUSTED is when it carries a RetryInfo. It carries none when the request itself is
    too large, so clients drop rather than resend it.
    """
    reader = _Reader(intake.max_request_bytes)
    return [_service(signal, intake, reader) for signal in SIGNALS]


def _service(signal: Signal, intake: Intake, reader: "_Reader") -> grpc.GenericRpcHandler:
    async def export(_requests: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        answer = await _answer(signal, intake, reader, context)
        if isinstance(answer, _Refusal):
            # From here, and not where it was found out: gRPC ties the error that ends a call, the frames it came
            # through and the call into a knot, and whatever those frames know stays in memory until Python's collector
            # comes to it. A flood of refused messages would.
            await context.abort(answer.code, answer.message, answer.trailers)
        return answer

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(signal.service, {"Export": method})


class _Refusal(NamedTuple):
    """How a call ends that is not answered."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def for_now(cls, code: grpc.StatusCode, message: str, retry_seconds: float) -> "_Refusal":
        """With a google.rpc.RetryInfo: it travels in the trailer that gRPC keeps for google.rpc.Status."""
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(retry_seconds * 1000))
        status = status_pb2.Status(code=code.value[0], message=message)
        status.details.add().Pack(retry)
        return cls(code, message, (("grpc-status-details-bin", status.SerializeToString()),))


async def _answer(
    signal: Signal, intake: Intake, reader: "_Reader", context: grpc.aio.ServicerContext[bytes, bytes]
) -> bytes | _Refusal:
    try:
        with intake.admission.claim(context.peer()) as claim:
            rejection = await intake.take(signal, await reader.read(context, claim), claim)
    except MalformedData as error:
        return _Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except TooLarge as error:
        return _Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
    except TimeoutError:
        late = f"the message did not come to its end within {MESSAGE_SECONDS:.0f} seconds"
        return _Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, late)
    except Overloaded as error:
        return _Refusal.for_now(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), error.retry_seconds)
    except StoreError as error:
        return _Refusal.for_now(grpc.StatusCode.UNAVAILABLE, str(error), UNAVAILABLE_RETRY_SECONDS)
    return signal.response(rejection).SerializeToString()


class _Reader:
    """Reads messages within bounds that hold before their size is known.

    A turn is held across nothing but a read, and for _QUICK_SECONDS at most: whoever waits for one gets it, however
    slow the others are, and no sender can keep the turns.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._turns = asyncio.Semaphore(_READERS)

    async def read(self, context: grpc.aio.ServicerContext[bytes, bytes], claim: Claim) -> bytes:
        """The one message of a call, which `claim` then holds the bytes of.

        Raises Overloaded, TimeoutError when it takes too long, MalformedData when there is no message.
        """
        turn: _Turn | None = None
        try:
            async with asyncio.timeout(MESSAGE_SECONDS) as patience:
                await self._turns.acquire()
                turn = _Turn(self._turns, claim, self._max_bytes, patience)
                try:
                    message = await context.read()
                finally:
                    turn.end()
        except TimeoutError:
            if turn is not None and turn.refusal is not None:
                raise turn.refusal from None
            raise
        if not isinstance(message, bytes):
            raise MalformedData("the call ended before its message")
        message_bytes.set(len(message))
        claim.hold(len(message))
        return message


class _Turn:
    """One of the turns, while a message is read: over after _QUICK_SECONDS.

    The largest message is claimed from then on; without room for that, reading ends, and `refusal` says why.
    """

    def __init__(self, turns: asyncio.Semaphore, claim: Claim, max_bytes: int, patience: asyncio.Timeout) -> None:
        self.refusal: Overloaded | None = None
        self._turns: asyncio.Semaphore | None = turns
        self._claim = claim
        self._max_bytes = max_bytes
        self._patience = patience
        self._timer = asyncio.get_running_loop().call_later(_QUICK_SECONDS, self._over)

    def end(self) -> None:
        """Lets the next one read, once."""
        self._timer.cancel()
        if self._turns is not None:
            self._turns.release()
            self._turns = None

    def _over(self) -> None:
        self.end()
        try:
            self._claim.hold(self._max_bytes)
        except Overloaded as error:
            self.refusal = error
            self._patience.reschedule(0)
