"""`Client` and `AsyncClient`: every question of the API as a method, with its parameters and its answer typed.

The methods are generated from the server's own descriptions (questions.py); here is how a question is sent.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from spanhouse.query.answer import AnswerT
from spanhouse.query.asking import Asking, Request, Response, SqlAnswer, Value, read_sql, sql_request
from spanhouse.query.exchange import Exchange, Transport
from spanhouse.query.questions import AsyncQuestions, Questions

DEFAULT_URL = "http://127.0.0.1:4318"
DEFAULT_TIMEOUT_SECONDS = 30.0
# A server answers two at once and lets some dozens wait; more threads would wait here instead.
_MAX_AT_ONCE = 8
T = TypeVar("T")


class Client(Questions):
    """Asks the server at `url`; use it from any number of threads, and close it, or use it as a context manager.

        with spanhouse.Client("http://127.0.0.1:4318") as client:
            for row in client.functions(since="1h", sort="p99").rows:
                print(row.service, row.name, row.p99_ns)

    `token` is what the server's --tokens knows, with the role read (sql for `sql`, admin for `delete`). `ca` is a file
    of PEM certificates to believe instead of the system's, `cert` the files of a certificate and of its key, for a
    server that asks for one. `namespace` is whose data is asked about, on a server that has several and no tokens: a
    token has one. A question is given `timeout` seconds unless it says otherwise, and is asked up to
    `retries` times more while the server says that it should be. Raises ConfigurationError; the methods raise
    QueryError, or a kind of it.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        cert: tuple[str, str] | None = None,
        namespace: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        retries: int = 3,
    ) -> None:
        self._transport = Transport(url, token, ca, cert, retries, namespace)
        self._timeout = timeout

    def sql(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, timeout: float | None = None
    ) -> SqlAnswer:
        """Answers one SELECT of ClickHouse's SQL; `parameters` are values for its {name:Type} placeholders."""
        return read_sql(self._exchange(sql_request(statement, parameters or {}), timeout))

    def close(self) -> None:
        """Closes its connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, asking: Asking[AnswerT], timeout: float | None, **given: Value) -> AnswerT:
        request = asking.request(given, self._timeout if timeout is None else timeout)
        return asking.read(self._exchange(request, timeout))

    def _exchange(self, request: Request, timeout: float | None) -> Response:
        return Exchange(self._transport, request, self._timeout if timeout is None else timeout).run()


class AsyncClient(AsyncQuestions):
    """The same for asyncio: `async with spanhouse.AsyncClient(url) as client: answer = await client.functions()`.

    Takes what Client takes. A question whose task is cancelled is withdrawn: the server stops working on it. Threads of
    its own, a few, do the waiting; each waits for the network only, and ends with its question, so `close` cannot hang
    longer than the last timeout.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        cert: tuple[str, str] | None = None,
        namespace: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        retries: int = 3,
    ) -> None:
        self._transport = Transport(url, token, ca, cert, retries, namespace)
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_MAX_AT_ONCE, thread_name_prefix="spanhouse-client")

    async def sql(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, timeout: float | None = None
    ) -> SqlAnswer:
        """Answers one SELECT of ClickHouse's SQL; `parameters` are values for its {name:Type} placeholders."""
        return await self._exchange(sql_request(statement, parameters or {}), timeout, read_sql)

    async def close(self) -> None:
        """Waits for what is under way, and closes the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, asking: Asking[AnswerT], timeout: float | None, **given: Value) -> AnswerT:
        request = asking.request(given, self._timeout if timeout is None else timeout)
        return await self._exchange(request, timeout, asking.read)

    async def _exchange(self, request: Request, timeout: float | None, read: Callable[[Response], T]) -> T:
        exchange = Exchange(self._transport, request, self._timeout if timeout is None else timeout)

        def exchanged() -> T:
            # Reading ten thousand rows takes a while: not for the event loop.
            return read(exchange.run())

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, exchanged)
        except asyncio.CancelledError:
            exchange.abort()
            raise
