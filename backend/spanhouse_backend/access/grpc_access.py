"""The gate in front of gRPC: UNAUTHENTICATED or PERMISSION_DENIED before a request is read."""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote

import grpc

from spanhouse_backend.access.gate import Gate, Refusal, Report
from spanhouse_backend.access.rules import GRPC_RULES, needed_role

# In quotes: the class takes parameters in its stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Asks `gate` about every call, of methods that are not there too."""

    def __init__(self, gate: Gate, report: Report) -> None:
        self._gate = gate
        self._report = report

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The method's own handler, or one that refuses."""
        method = handler_call_details.method
        needed = needed_role(GRPC_RULES, method)
        if needed is not None:
            refusal = self._gate.refusal(_authorization(handler_call_details), needed)
            if refusal is not None:
                return self._refusing(method, refusal)
        return await continuation(handler_call_details)

    def _refusing(self, method: str, refusal: Refusal) -> Handler:
        async def refuse(_requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> NoReturn:
            self._report("grpc", refusal.kind)
            await self._gate.note(_address(context.peer()), method, refusal)
            code = grpc.StatusCode.PERMISSION_DENIED if refusal.known else grpc.StatusCode.UNAUTHENTICATED
            await context.abort(code, refusal.message)

        # Whatever the method is: a stream of requests is the one kind that gRPC does not read beforehand, and a status
        # without a message answers every kind.
        return grpc.stream_stream_rpc_method_handler(refuse)


def _authorization(details: grpc.HandlerCallDetails) -> str:
    values = (value for key, value in details.invocation_metadata or () if key == "authorization")
    found = next(values, "")
    return found if isinstance(found, str) else found.decode("latin-1")


def _address(peer: str) -> str:
    """The IP address in gRPC's name of a peer, such as ipv4:127.0.0.1:4711 or ipv6:%5B::1%5D:4711."""
    _, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]") or peer
