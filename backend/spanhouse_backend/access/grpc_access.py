"""The gate in front of gRPC: UNAUTHENTICATED or PERMISSION_DENIED before a request is read.

It also says which namespace a call is of, to `ByNamespace` behind it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote

import grpc

from spanhouse_backend.access.gate import Gate, Refusal, Report
from spanhouse_backend.access.namespaces import Namespaces
from spanhouse_backend.access.rules import GRPC_RULES, rule_for
from spanhouse_backend.access.serving import Serving
from spanhouse_backend.namespace import HEADER

# In quotes: the class takes parameters in its stubs only.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


# Of the call that this task answers: gRPC hands an interceptor's own details on to nobody, and answers each call in a
# task, whose context is its own.
_namespace: ContextVar[str] = ContextVar("namespace", default="")


class GrpcAccess(grpc.aio.ServerInterceptor):
    """Asks `gate` about every call, of methods that are not there too; without one everybody is let in."""

    def __init__(self, gate: Gate | None, serving: Serving, namespaces: Namespaces, report: Report) -> None:
        self._gate = gate
        self._serving = serving
        self._namespaces = namespaces
        self._report = report

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The method's own handler, or one that refuses."""
        method = handler_call_details.method
        rule = rule_for(GRPC_RULES, method)
        if rule.needs is None:
            return await continuation(handler_call_details)
        if elsewhere := self._serving.refusal(rule):
            return self._refusing(method, elsewhere)
        metadata = handler_call_details.invocation_metadata
        holder = self._gate.let_in(_value(metadata, "authorization"), rule.needs) if self._gate else None
        if isinstance(holder, Refusal):
            return self._refusing(method, holder)
        namespace = self._namespaces.of(holder, _value(metadata, HEADER))
        if isinstance(namespace, Refusal):
            return self._refusing(method, namespace)
        _namespace.set(namespace)
        return await continuation(handler_call_details)

    def _refusing(self, method: str, refusal: Refusal) -> Handler:
        async def refuse(_requests: object, context: grpc.aio.ServicerContext[Any, Any]) -> NoReturn:
            self._report("grpc", refusal.kind)
            if self._gate:
                await self._gate.note(_address(context.peer()), method, refusal)
            code = grpc.StatusCode.PERMISSION_DENIED if refusal.known else grpc.StatusCode.UNAUTHENTICATED
            await context.abort(code, refusal.message)

        # Whatever the method is: a stream of requests is the one kind that gRPC does not read beforehand, and a status
        # without a message answers every kind.
        return grpc.stream_stream_rpc_method_handler(refuse)


class ByNamespace(grpc.GenericRpcHandler):
    """The handlers of the namespace that `GrpcAccess` found a call to be of."""

    def __init__(self, handlers: Mapping[str, Sequence[grpc.GenericRpcHandler]]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The method's handler, None when there is no such method."""
        found = (handler.service(handler_call_details) for handler in self._handlers[_namespace.get()])
        return next((handler for handler in found if handler), None)


def _value(metadata: Any, name: str) -> str:
    found = next((value for key, value in metadata or () if key == name), "")
    return found if isinstance(found, str) else found.decode("latin-1")


def _address(peer: str) -> str:
    """The IP address in gRPC's name of a peer, such as ipv4:127.0.0.1:4711 or ipv6:%5B::1%5D:4711."""
    _, _, address = unquote(peer).partition(":")
    return address.rpartition(":")[0].strip("[]") or peer
