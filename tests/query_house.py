"""The query side over a real store, in this process: a real gRPC port, the HTTP application, and ways to fill it.

The engine takes one directory per process for the process's whole life, so there is one house per test process
and tests tell their spans apart by service name.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

import grpc
import httpx
from fastapi import FastAPI
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_backend.ingest.framing import frame, join
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.query_grpc import add_query_service
from spanhouse_backend.query.query_http import query_router
from spanhouse_backend.query.question import AnswerT, Question
from spanhouse_backend.query.questions.functions import FunctionRow, Functions
from spanhouse_backend.query.questions.trace import Trace, TraceAnswer
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.retention import DEFAULT_RETENTION, FOREVER
from spanhouse_backend.store.landing import LOGS, TRACES
from spanhouse_backend.store.place import Place
from spanhouse_backend.store.queries import Queries, QueryLimits
from spanhouse_backend.store.store import Store

T = TypeVar("T")
PATIENCE_SECONDS = 60
QUERY_LIMITS = QueryLimits(seconds=30, memory_bytes=1 << 30, threads=1)
# 2026-01-05T10:00:00Z, in the past for ever: what "now" is in tests that fix their times.
MONDAY_10H = 1_767_607_200_000_000_000
MINUTE = 60_000_000_000
HOUR = 60 * MINUTE


class QueryHouse:
    """`with QueryHouse(place) as house:` opens the store and serves until the block ends."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self.store = Store.open_at(self._place, retention=dict.fromkeys(DEFAULT_RETENTION, FOREVER))
        self._thread.start()
        self.queries = self.run(Queries.open(self.store.connect, QUERY_LIMITS))
        self.reader = Reader(self.queries)
        self.app = FastAPI()
        self.app.include_router(query_router(self.reader, self.queries))
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._server.stop(None))
        self.run(self.queries.close())
        self.run(self.store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    async def _start(self) -> None:
        self._server = grpc.aio.server()
        add_query_service(self._server, self.reader)
        self.grpc = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the house's event loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def insert(self, *requests: ExportTraceServiceRequest) -> None:
        """Stores the requests as one insert, as ingest would."""
        self.run(self.store.insert(TRACES, join(frame(request.SerializeToString()) for request in requests), []))

    def ask(self, question: type[Question[AnswerT]], *, now_ns: int = MONDAY_10H + 24 * HOUR, **texts: str) -> AnswerT:
        """Asks the reader, with parameters as a caller would write them."""
        return self.run(self.reader.ask(question.read(texts, now_ns)))

    def functions(self, *, now_ns: int, **parameters: str) -> Answer[FunctionRow]:
        """The table of functions."""
        return self.ask(Functions, now_ns=now_ns, **parameters)

    def trace(self, trace_id: str) -> TraceAnswer:
        """The spans of one trace."""
        return self.ask(Trace, trace_id=trace_id)

    def only_row(self, *, now_ns: int, **parameters: str) -> FunctionRow:
        """The single row of an answer that must have one."""
        (row,) = self.functions(now_ns=now_ns, **parameters).rows
        return row

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """One GET through the whole HTTP application."""
        return self.run(get(self.app, path, headers=headers))

    def packed(self, path: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
        """One GET, and the body as it was sent, in its content coding."""
        return self.run(packed(self.app, path, headers))

    def head(self, path: str) -> httpx.Response:
        """One HEAD through the whole HTTP application."""
        return self.run(get(self.app, path, method="HEAD"))

    def insert_logs(self, *requests: ExportLogsServiceRequest) -> None:
        """Stores the requests as one insert, as ingest would."""
        self.run(self.store.insert(LOGS, join(frame(request.SerializeToString()) for request in requests), []))

    def delete(self, path: str) -> httpx.Response:
        """One DELETE through the whole HTTP application."""
        return self.run(get(self.app, path, method="DELETE"))


async def get(app: FastAPI, path: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> httpx.Response:
    """One request to an application that is not listening."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client:
        return await client.request(method, path, headers=headers)


async def packed(app: FastAPI, path: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """One GET to an application that is not listening, and the body in its content coding."""
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://house") as client,
        client.stream("GET", path, headers=headers) as response,
    ):
        return response, b"".join([piece async for piece in response.aiter_raw()])
