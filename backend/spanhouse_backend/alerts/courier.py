"""Posting to webhooks: with a deadline, again after what may pass, and never a word of a secret.

URLs, tokens and headers come from files that are read each time, so that a changed secret needs no restart. A redirect
is not followed: whoever can answer for one host should not learn what was meant for it alone. Whatever fails is said in
words of ours, since a library's may hold the URL.
"""

import asyncio
import logging
import os
import random
import re
import socket
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from pydantic_core import PydanticCustomError

from spanhouse_backend.alerts.messages import Body
from spanhouse_backend.alerts.values import web_address
from spanhouse_backend.alerts.webhook import Webhook

# httpx logs every request's URL, which may be the secret itself.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

MAX_SECRET_BYTES = 16 * 1024
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0
_CONNECTIONS = 10
_OK, _REDIRECT, _REFUSED, _FAILED = 200, 300, 400, 500
_AGAIN = frozenset({408, 425, 429})
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)")


class _UnusableError(Exception):
    """A file of a webhook that cannot be used; the text says which, and nothing of what is in it."""


class _Attempt(NamedTuple):
    """How one attempt ended: "" or the problem, whether another may end better, and when the receiver wants it."""

    problem: str
    again: bool = False
    after_seconds: float = 0.0


class Courier:
    """Delivers bodies. For one event loop; every delivery holds one of a few connections, and ends by its deadline.

    Tasks wait for a connection and for the receiver, under a timeout each, and for nothing of ours: so none can wait
    for another for ever. A delivery that is cancelled closes its connection.
    """

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(follow_redirects=False, limits=limits)

    async def close(self) -> None:
        """Closes what is open."""
        await self._client.aclose()

    async def deliver(self, webhook: Webhook, body: Body, seconds: float) -> str:
        """Posts until it succeeds or cannot, at most for so many seconds. Returns what went wrong, "" when nothing."""
        problem = "there was no time left"
        try:
            async with asyncio.timeout(seconds):
                pause = _FIRST_PAUSE_SECONDS
                while True:
                    attempt = await self._attempt(webhook, body)
                    problem = attempt.problem
                    if not problem or not attempt.again:
                        return problem
                    # Spread, so that those who were turned away together do not come back together.
                    await asyncio.sleep(max(attempt.after_seconds, pause * random.uniform(0.5, 1)))  # noqa: S311 - no secret
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            return problem

    async def _attempt(self, webhook: Webhook, body: Body) -> _Attempt:
        try:
            url, headers = await asyncio.to_thread(_address, webhook)
            async with (
                asyncio.timeout(webhook.timeout),
                # The answer's body is nobody's concern, so it is not read.
                self._client.stream("POST", url, json=body, headers=headers, timeout=webhook.timeout) as response,
            ):
                return _judged(response)
        except _UnusableError as error:
            return _Attempt(str(error))
        except TimeoutError:
            return _Attempt(f"no answer within {webhook.timeout} s", again=True)
        except httpx.TimeoutException:
            return _Attempt(f"no answer within {webhook.timeout} s", again=True)
        except httpx.TransportError as error:
            return _Attempt(f"no answer: {_words(error)}", again=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _Attempt(f"cannot be posted to: {type(error).__name__}")


def _judged(response: httpx.Response) -> _Attempt:
    status = response.status_code
    if _OK <= status < _REDIRECT:
        return _Attempt("")
    if _REDIRECT <= status < _REFUSED:
        return _Attempt(f"it answered {status}: redirects are not followed, name the place itself")
    return _Attempt(f"it answered {status}", status >= _FAILED or status in _AGAIN, _retry_after(response))


def _retry_after(response: httpx.Response) -> float:
    """Seconds; 0 when it says nothing that makes sense."""
    text = response.headers.get("retry-after", "")
    if re.fullmatch("[0-9]{1,6}", text):
        return float(text)
    try:
        wanted, now = parsedate_to_datetime(text), parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (wanted - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _words(error: httpx.TransportError) -> str:
    """The operating system's words for it, which name no address; else the kind of error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            # A resolver's numbers are not the system's; asyncio's text has the address in it.
            return str(cause.strerror) if isinstance(cause, socket.gaierror) else os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _address(webhook: Webhook) -> tuple[str, dict[str, str]]:
    """Where to post, and with which headers; reads the files that say so."""
    url = webhook.url or ""
    if webhook.url_file:
        url = _secret(webhook.url_file, "url_file")
        try:
            web_address(url)
        except PydanticCustomError as error:
            raise _UnusableError(f"url_file: what {webhook.url_file} holds {error.message()}") from error
    headers: dict[str, str] = {"User-Agent": "spanhouse"}
    for line in _secret(webhook.headers_file, "headers_file").splitlines() if webhook.headers_file else ():
        match = _HEADER.fullmatch(line.strip())
        if not match:
            raise _UnusableError(f"headers_file: {webhook.headers_file} has a line that is not `Name: value`")
        headers[match[1]] = match[2].strip()
    if webhook.token_file:
        token = _secret(webhook.token_file, "token_file")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise _UnusableError(f"token_file: {webhook.token_file} does not hold a token, which is one word")
        headers["Authorization"] = f"Bearer {token}"
    return url, headers


def _secret(path: Path, field: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise _UnusableError(f"{field}: cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _UnusableError(f"{field}: {path} is not text") from error
    if len(content) > MAX_SECRET_BYTES:
        raise _UnusableError(f"{field}: {path} has more than {MAX_SECRET_BYTES} bytes")
    return text
