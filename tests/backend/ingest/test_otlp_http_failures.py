"""What OTLP/HTTP answers when the store or a sender fails in ways that the real ones do not on demand."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2
from otlp_over_http import JSON, PATH, PROTOBUF, body_of, headers_of, status_of
from otlp_requests import request
from starlette.applications import Starlette

from spanhouse_backend.errors import MalformedData, Overloaded, StoreError, StoreUnavailable
from spanhouse_backend.ingest import http_body
from spanhouse_backend.ingest.admission import Admission
from spanhouse_backend.ingest.answer import Intake
from spanhouse_backend.ingest.otlp_http import otlp_routes
from spanhouse_backend.probes import probe_routes

BOTH = pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
MESSAGE = request("failing", [1000])


def posted(error: Exception, media_type: str, content: bytes | AsyncIterator[bytes] | None = None) -> httpx.Response:
    """The answer to a request whose commit raises `error`."""

    async def commit(*_: object) -> None:
        raise error

    intake = Intake(
        commit, Admission(1 << 20), max_request_bytes=1 << 20, max_insert_memory=1 << 20, max_json_bytes=1 << 20
    )
    routes = otlp_routes(intake, cors_origins=())
    return asyncio.run(answered(Starlette(routes=routes), media_type, content or body_of(MESSAGE, media_type)))


async def answered(app: Starlette, media_type: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post(PATH, content=content, headers=headers_of(media_type))


@BOTH
@pytest.mark.parametrize(
    ("error", "http_status", "code", "retry_after"),
    [
        (StoreUnavailable("the disk is full"), 503, code_pb2.UNAVAILABLE, 5),
        (StoreError("cannot"), 503, code_pb2.UNAVAILABLE, 5),
        (Overloaded("too much is waiting"), 429, code_pb2.RESOURCE_EXHAUSTED, 1),
        (Overloaded("much too much is waiting", 6.2), 429, code_pb2.RESOURCE_EXHAUSTED, 7),
    ],
)
def test_what_may_be_sent_again_says_when(media_type, error, http_status, code, retry_after):
    response = posted(error, media_type)
    assert (response.status_code, response.headers["retry-after"]) == (http_status, str(retry_after))
    status = status_of(response.content, media_type)
    assert (status.code, status.message) == (code, str(error))
    retry = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay == duration_pb2.Duration(seconds=retry_after)


@BOTH
@pytest.mark.parametrize(
    ("error", "http_status", "code", "message"),
    [
        (MalformedData("a string is no number"), 400, code_pb2.INVALID_ARGUMENT, "a string is no number"),
        (ZeroDivisionError("secret"), 500, code_pb2.INTERNAL, "a bug in spanhouse: ZeroDivisionError"),
    ],
)
def test_what_may_not_be_sent_again_does_not(media_type, error, http_status, code, message):
    response = posted(error, media_type)
    assert response.status_code == http_status
    assert "retry-after" not in response.headers
    status = status_of(response.content, media_type)
    assert (status.code, status.message) == (code, message)


@BOTH
def test_a_sender_that_does_not_finish_is_given_up(monkeypatch, media_type):
    monkeypatch.setattr(http_body, "BODY_SECONDS", 0.05)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"\n"
            await asyncio.sleep(0.01)

    response = posted(AssertionError("is never stored"), media_type, endless())
    assert response.status_code == 408
    assert status_of(response.content, media_type).code == code_pb2.DEADLINE_EXCEEDED


def test_a_server_whose_store_does_not_answer_is_alive_and_not_ready():
    async def problem() -> str:
        return "the disk is gone"

    async def both() -> list[httpx.Response]:
        app = Starlette(routes=probe_routes(problem))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return [await client.get("/healthz"), await client.get("/readyz")]

    alive, ready = asyncio.run(both())
    assert (alive.status_code, ready.status_code, ready.text) == (200, 503, "not ready: the disk is gone\n")
