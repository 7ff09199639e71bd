"""Watches requests at the doors, from outside: how many, how large, how long, and how they were answered.

A gRPC interceptor and an ASGI middleware, so that neither the doors nor the questions behind them need to know, and
answers that somebody else gives in between (no token, no route) are counted too. What gRPC itself answers before any
handler is asked, such as a message over the size limit, is not seen.
"""

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spanhouse_backend.ingest.otlp_grpc import message_bytes
from spanhouse_backend.metrics import Metrics
from spanhouse_backend.query.questions import QUESTIONS
from spanhouse_backend.records.posting import PATHS

logger = logging.getLogger(__name__)

# The package of OTLP's services and the paths of OTLP/HTTP end alike: the signal is the name behind them.
_OTLP_SERVICES = "/opentelemetry.proto.collector."
_QUERY_METHODS = "/spanhouse.v1.Query/"
_OTLP_PATHS = {"/v1/traces": "traces", "/v1/logs": "logs", "/v1/metrics": "metrics"}
# What is posted in other words than OTLP's becomes one of its signals.
_POSTED_PATHS = dict.fromkeys(PATHS, "logs")
_ENCODINGS = {
    "application/x-protobuf": "protobuf",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/x-www-form-urlencoded": "form",
}
_SIGNALS = {"trace": "traces", "logs": "logs", "metrics": "metrics"}
_QUESTION_PATHS = "/api/v1/"
# What is no question: signing in, and a stream, which lasts as long as somebody looks.
_NO_QUESTIONS = frozenset({"live", "session"})
_OK = grpc.StatusCode.OK.name
_LOGGED_BY_ACCESS = frozenset({"401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"})
_HTTP_TAKEN, _HTTP_REFUSED = frozenset({"200", "201", "207"}), 400

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class GrpcDoor(grpc.aio.ServerInterceptor):
    """Measures OTLP requests and questions; everything else passes untouched."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """The method's own handler, watched."""
        handler = await continuation(details)
        method = details.method
        if handler is None:
            return None
        # OTLP's is declared with a stream of requests, of which it reads one (otlp_grpc).
        if method.startswith(_OTLP_SERVICES) and (export := handler.unary_unary or handler.stream_unary):
            return self._exporting(handler, export, method)
        if method.startswith(_QUERY_METHODS) and (answer := handler.unary_unary):
            return self._answering(handler, answer, method.removeprefix(_QUERY_METHODS).lower())
        if method in _STREAMING and (pieces := handler.unary_stream):
            return self._streaming(handler, pieces, _STREAMING[method])
        return handler

    def _exporting(self, handler: Any, export: Any, method: str) -> Handler:
        signal = _SIGNALS.get(method.removeprefix(_OTLP_SERVICES).partition(".")[0], "other")

        def report(status: str, seconds: float) -> None:
            size_bytes = message_bytes.get()
            self._metrics.answered(
                signal, "grpc", "protobuf", status, size_bytes=size_bytes, seconds=seconds, good=status == _OK
            )

        async def watched(request: Any, context: Any) -> Any:
            with _watched(context, report):
                try:
                    return await export(request, context)
                except grpc.aio.AbortError:
                    _log_refused("grpc", method, context.code().name, context.details(), context.peer())
                    raise

        wrap = grpc.stream_unary_rpc_method_handler if handler.stream_unary else grpc.unary_unary_rpc_method_handler
        return wrap(watched, handler.request_deserializer, handler.response_serializer)

    def _answering(self, handler: Any, answer: Any, question: str) -> Handler:
        async def watched(request: Any, context: Any) -> Any:
            with _watched(context, functools.partial(self._metrics.asked, question, "grpc")):
                return await answer(request, context)

        return grpc.unary_unary_rpc_method_handler(watched, handler.request_deserializer, handler.response_serializer)

    def _streaming(self, handler: Any, pieces: Any, name_of: Callable[[Any], str]) -> Handler:
        async def watched(request: Any, context: Any) -> AsyncIterator[Any]:
            with _watched(context, functools.partial(self._metrics.asked, name_of(request), "grpc")):
                async for piece in pieces(request, context):
                    yield piece

        return grpc.unary_stream_rpc_method_handler(watched, handler.request_deserializer, handler.response_serializer)


def _asked(request: Any) -> str:
    """The question of an Ask, which is a text of the client's: what is none would make a new series of each."""
    return request.question if request.question in _QUESTIONS else "unknown"


_QUESTIONS = frozenset(question.name for question in QUESTIONS)
_STREAMING: dict[str, Callable[[Any], str]] = {
    "/spanhouse.v1.Query/Ask": _asked,
    "/spanhouse.v1.Sql/Run": lambda _request: "sql",
}


@contextmanager
def _watched(context: Any, report: Callable[[str, float], None]) -> Iterator[None]:
    """Reports how a call ended and after how long."""
    begun = time.perf_counter()
    status = grpc.StatusCode.UNKNOWN.name
    try:
        yield
        status = _OK
    except (asyncio.CancelledError, GeneratorExit):
        status = grpc.StatusCode.CANCELLED.name
        raise
    except grpc.aio.AbortError:
        status = context.code().name
        raise
    finally:
        report(status, time.perf_counter() - begun)


class HttpDoor:
    """The same for HTTP, around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and reports it when it is answered."""
        signal = _signal(scope) if scope["type"] == "http" else None
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        scope.setdefault("state", {})
        # Nothing is sent to a client that has gone away.
        status = "none"
        size_bytes = 0

        async def counted() -> Message:
            nonlocal size_bytes
            message = await receive()
            size_bytes += len(message.get("body", b""))
            return message

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, counted if signal else receive, noted)
        finally:
            seconds = time.perf_counter() - begun
            if signal:
                media_type = _content_type(scope).partition(";")[0].strip().lower()
                self._metrics.answered(
                    signal,
                    "http",
                    _ENCODINGS.get(media_type, "other"),
                    status,
                    size_bytes=size_bytes,
                    seconds=seconds,
                    good=status in _HTTP_TAKEN,
                )
                if status.isdecimal() and int(status) >= _HTTP_REFUSED:
                    peer = ":".join(map(str, scope.get("client") or ()))
                    _log_refused("http", scope["path"], status, scope["state"].get("problem", ""), peer)
            elif question := _question(scope):
                self._metrics.asked(question, "http", status, seconds)


class ClickHouseDoor:
    """The same for the port of ClickHouse's clients: statements, whatever is asked beside them passes untouched."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, and reports it when it is answered."""
        if scope["type"] != "http" or (scope["method"] != "POST" and b"query=" not in scope["query_string"]):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        state = scope.setdefault("state", {})
        # Nothing is sent to a client that has gone away.
        status = "none"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # An answer that was broken off had been begun well.
            status = "broken" if state.get("broken") else status
            self._metrics.asked("sql", "clickhouse", status, time.perf_counter() - begun)


def _signal(scope: Scope) -> str | None:
    """The signal that a request is to send, None for a question."""
    path = scope["path"]
    return _OTLP_PATHS.get(path) or (_POSTED_PATHS.get(path) if scope["method"] == "POST" else None)


def _log_refused(door: str, path: str, status: str, problem: str, peer: str) -> None:
    if status in _LOGGED_BY_ACCESS:
        return
    fields = {"door": door, "path": path, "status": status, "problem": problem, "peer": peer}
    logger.warning("request refused", extra=fields)


def _content_type(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")


def _question(scope: Scope) -> str:
    """The name of the question whose route was taken; '' for other paths, and those that no route has."""
    path: str = getattr(scope.get("route"), "path", "")
    name = path.removeprefix(_QUESTION_PATHS).partition("/")[0] if path.startswith(_QUESTION_PATHS) else ""
    return "" if name in _NO_QUESTIONS else name
