"""An answer on its way: with its length when it is small, in pieces as the engine writes it when it is not.

What goes wrong before the first byte is sent is an error with its status. What goes wrong after it ends the answer as
ClickHouse ends it: with the error between marks that `X-ClickHouse-Exception-Tag` has announced, and with a connection
that is closed where HTTP wants one more chunk, so that no client takes it for whole.
"""

import asyncio
import functools
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from starlette.types import Scope, Send

from spanhouse_backend.connections import BREAK_OFF
from spanhouse_backend.errors import SpanhouseError
from spanhouse_backend.query.clickhouse_http.blocks import compressed
from spanhouse_backend.query.clickhouse_http.errors import Code, Refused, trouble_of
from spanhouse_backend.store.piped import Piped, Summary

T = TypeVar("T")


class Answering:
    """Sends one answer, in compressed blocks if asked; `seconds` from now on it must have ended."""

    def __init__(
        self, scope: Scope, send: Send, headers: dict[str, str], seconds: float, *, compress: bool = False
    ) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._seconds = seconds
        self._encoded: Callable[[bytes], bytes] = compressed if compress else lambda data: data
        # Behind what is compressed nobody could read an error.
        self._tells_errors = not compress and "Content-Encoding" not in headers
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def whole(self, piped: Piped) -> None:
        """Sends what the engine hands over in one piece. Raises StatementFailed, Refused."""
        summary, data = await self._in_time(piped.finished)
        await send_whole(self._send, self._headers, self._encoded(data), summary)

    async def pieces(self, piped: Piped, held_bytes: int) -> None:
        """Sends what the engine writes into the pipe, not beginning before there are `held_bytes` of it.

        Raises StatementFailed or Refused before anything is sent.
        """
        held = bytearray()
        while len(held) < held_bytes:
            piece = await self._in_time(piped.read)
            if not piece:
                summary, _ = await piped.finished()
                await send_whole(self._send, self._headers, self._encoded(bytes(held)), summary)
                return
            held += piece
        tag = secrets.token_hex(8)
        await start(self._send, {**self._headers, "X-ClickHouse-Exception-Tag": tag}, Summary())
        try:
            piece = bytes(held)
            del held
            while piece:
                message = {"type": "http.response.body", "body": self._encoded(piece), "more_body": True}
                await self._in_time(functools.partial(self._send, message))
                piece = await self._in_time(piped.read)
        except SpanhouseError as error:
            await self._break_off(str(trouble_of(error)), tag)
        else:
            await self._send({"type": "http.response.body", "body": b""})

    async def _in_time(self, wait: Callable[[], Awaitable[T]]) -> T:
        """What `wait` gives: the engine has to write and the client to read before the deadline."""
        try:
            async with asyncio.timeout_at(self._deadline):
                return await wait()
        except TimeoutError as error:
            raise Refused(Code.TIMEOUT_EXCEEDED, f"the answer was not over after {self._seconds:g} s") from error

    async def _break_off(self, message: str, tag: str) -> None:
        self._scope.setdefault("state", {})["broken"] = True
        if self._tells_errors:
            told = f"{message}\n".encode()
            end = f"{len(told)} {tag}\r\n__exception__\r\n".encode()
            body = f"\r\n__exception__\r\n{tag}\r\n".encode() + told + end
            # Who reads so slowly that this has to wait is not waited for.
            with suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self._scope["extensions"][BREAK_OFF]()


async def send_whole(send: Send, headers: dict[str, str], data: bytes, summary: Summary) -> None:
    """Sends a whole answer."""
    await start(send, {**headers, "Content-Length": str(len(data))}, summary)
    await send({"type": "http.response.body", "body": data})


async def start(send: Send, headers: dict[str, str], summary: Summary) -> None:
    """Sends the head of an answer; `summary` is how far the statement is."""
    figures = {name: str(value) for name, value in summary._asdict().items()}
    named = {**headers, "X-ClickHouse-Summary": json.dumps(figures, separators=(",", ":"))}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
