"""The port's application: what answers /, /ping and /replicas_status.

A statement that only reads is parsed, checked and rewritten as all raw SQL is (`sql_guard`), run with the server's
limits and answered from a pipe while the engine writes it. With --clickhouse-http-writes, an administrator's goes to
the engine as it is, if it stays with the data (`writes`).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from spanhouse_backend.errors import SpanhouseError
from spanhouse_backend.query.clickhouse_http.answering import Answering, send_whole
from spanhouse_backend.query.clickhouse_http.asked import Asked, asked_by, is_on, joined
from spanhouse_backend.query.clickhouse_http.blocks import compressed, decompressed
from spanhouse_backend.query.clickhouse_http.body import Bodies
from spanhouse_backend.query.clickhouse_http.errors import Code, Refused, trouble_of
from spanhouse_backend.query.clickhouse_http.formats import known_format, media_type
from spanhouse_backend.query.clickhouse_http.hello import hello, is_hello
from spanhouse_backend.query.clickhouse_http.settings import reading_settings, writing_settings
from spanhouse_backend.query.clickhouse_http.writes import VALUES_SETTINGS, Writes
from spanhouse_backend.query.gone import unless_gone
from spanhouse_backend.query.sql_checker import MAX_STATEMENT_BYTES, SqlChecker
from spanhouse_backend.query.sql_settings import FILTERS
from spanhouse_backend.store.piped import Order, Pipes, Summary
from spanhouse_backend.store.sandbox import Limits

# An answer that is no larger begins when its statement has ended, with its length and, if it comes to that, its error.
_HELD_BYTES = 1 << 20
# The same for who asks to wait for the end (wait_end_of_query): what is larger begins before.
_HELD_BYTES_IF_WHOLE = 1 << 24
GRACE_SECONDS = 5
"""From a statement's limit, which the engine keeps to, to the end of its answer, which the client may keep waiting."""


# What drivers that were told of no database send: whoever asks means his own.
_NO_DATABASE = "default"
_EXPLAIN = re.compile(r"\s*EXPLAIN\b", re.IGNORECASE)


class Engine(NamedTuple):
    """What clients are told of it."""

    version: str
    timezone: str
    display_name: str = "spanhouse"  # ClickHouse's own default is the machine's name, which is nobody's business


class Port(NamedTuple):
    """What the port is made of."""

    checker: SqlChecker
    database: str
    """Whose tables are read here."""
    pipes: Pipes
    limits: Limits
    engine: Engine
    writes: Writes | None
    """Reads what administrators write; None where nobody may."""
    max_body_bytes: int
    room_bytes: int
    """For all bodies together."""


class ClickHouseHttp:
    """The application. `scope["state"]["admin"]` says whether who asks is an administrator: without it, nobody is."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._bodies = Bodies(port.room_bytes)
        self._running: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if response := self._without_a_statement(request):
            await response(scope, receive, send)
            return
        try:
            asked = asked_by(request)
            with self._named(asked.query_id) as free:
                await self._answer(request, asked, _freeing(send, free))
        except SpanhouseError as error:
            # Drivers that ask for blocks read errors from them too.
            encoded = compressed if is_on(request.query_params.get("compress", "")) else bytes
            await trouble_of(error).response(encoded)(scope, receive, send)

    def _without_a_statement(self, request: Request) -> Response | None:
        path, method = request.url.path, request.method
        if path in ("/ping", "/replicas_status") and method in ("GET", "HEAD"):
            return PlainTextResponse("Ok.\n")
        if path != "/":
            return PlainTextResponse(f"There is no handle {path[:200]}\n\nUse / or /ping for health checks.\n", 404)
        if method == "OPTIONS":
            return Response(None, 204, {"Allow": "GET, HEAD, POST, OPTIONS"})
        if method == "HEAD" or (method == "GET" and "query" not in request.query_params):
            return PlainTextResponse("Ok.\n")
        if method not in ("GET", "POST"):
            return PlainTextResponse("only GET and POST are answered\n", 405, {"Allow": "GET, HEAD, POST, OPTIONS"})
        return None

    @contextmanager
    def _named(self, query_id: str) -> Iterator[Callable[[], None]]:
        """Nobody else may use the name until the block ends, or what it yields is called."""
        if query_id in self._running:
            raise Refused(
                Code.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, f"a query with query_id = {query_id} runs already"
            )
        with ExitStack() as named:
            self._running.add(query_id)
            named.callback(self._running.discard, query_id)
            yield named.close  # once: when the block ends, the name may be another's

    async def _answer(self, request: Request, asked: Asked, send: Send) -> None:
        port = self._port
        admin = request.method == "POST" and request.scope["state"].get("admin", False)
        writes = port.writes if admin else None
        max_bytes = port.max_body_bytes if writes else MAX_STATEMENT_BYTES
        async with self._bodies.of(request, max_bytes) as sent:
            body = decompressed(sent, max_bytes) if asked.decompress else sent
            statement = "" if writes else joined(asked.query, body)
            if not (statement or body or asked.query).strip():
                raise Refused(
                    Code.SYNTAX_ERROR, "there is no statement: send one as the body, or as the parameter query"
                )
            if asked.output_format == "Native" and is_hello(statement or body[:200].decode("latin-1")):
                data = hello(port.engine.display_name, port.engine.version, port.engine.timezone)
                data = compressed(data) if asked.compress else data
                await send_whole(send, self._headers(asked, "Native"), data, Summary(read_rows=1))
                return
            order, output_format = await (
                self._writing(writes, asked, body) if writes else self._reading(asked, statement)
            )
            await unless_gone(request, self._run(request, order, asked, output_format, send))

    async def _reading(self, asked: Asked, statement: str) -> tuple[Order, str]:
        database = self._port.database
        if asked.database not in ("", database, _NO_DATABASE):
            raise Refused(
                Code.UNKNOWN_DATABASE, f"there is no database {asked.database[:100]!r} here, only {database!r}"
            )
        checked = await self._port.checker.checked(statement, asked.parameters)
        settings = {FILTERS: checked.filters} if checked.filters else {}
        settings |= reading_settings({**asked.settings, **checked.settings}, self._port.limits)
        output_format = known_format(checked.output_format or asked.output_format)
        order = Order(checked.text, checked.parameters, settings, database)
        if _EXPLAIN.match(checked.text):
            # Where an answer is to be written would be read as a part of what is explained.
            return order._replace(default_format=output_format), output_format
        return order._replace(output_format=output_format, compression=asked.encoding), output_format

    async def _writing(self, writes: Writes, asked: Asked, body: bytes) -> tuple[Order, str]:
        written = await writes.written(asked.query, body)
        settings = writing_settings(asked.settings)
        if written.rows_format.lower() == "values":
            settings |= VALUES_SETTINGS
        order = Order(
            written.sql,
            asked.parameters,
            settings,
            asked.database,
            rows=written.rows,
            rows_format=written.rows_format,
            default_format=asked.output_format,
            # A session that was made read-only would stay so.
            session="" if "readonly" in settings else asked.session,
            session_seconds=asked.session_seconds,
        )
        if written.streams:
            output_format = known_format(written.output_format or asked.output_format)
            return order._replace(output_format=output_format, compression=asked.encoding), output_format
        return order, asked.output_format if written.answers else ""

    async def _run(self, request: Request, order: Order, asked: Asked, output_format: str, send: Send) -> None:
        headers = self._headers(asked, output_format)
        if order.compression:
            headers["Content-Encoding"] = order.compression
        async with self._port.pipes.run(order, request.client.host if request.client else "") as piped:
            answering = Answering(
                request.scope, send, headers, self._port.limits.seconds + GRACE_SECONDS, compress=asked.compress
            )
            if order.output_format:
                await answering.pieces(piped, _HELD_BYTES_IF_WHOLE if asked.whole else _HELD_BYTES)
            else:
                await answering.whole(piped)

    def _headers(self, asked: Asked, output_format: str) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Query-Id": asked.query_id,
            "X-ClickHouse-Server-Display-Name": self._port.engine.display_name,
            "X-ClickHouse-Timezone": self._port.engine.timezone,
            "Cache-Control": "no-store",
        }
        if output_format:
            headers["X-ClickHouse-Format"] = output_format
            headers["Content-Type"] = media_type(output_format)
        return headers


def _freeing(send: Send, free: Callable[[], None]) -> Send:
    """`send`, with the statement's name given up before its answer ends: who has read it may use the name again."""

    async def freeing(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            free()
        await send(message)

    return freeing
