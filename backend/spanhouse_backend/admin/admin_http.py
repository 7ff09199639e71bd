"""The REST face of the administrator: /api/v1/admin/..., described by OpenAPI.

A change is written in query parameters, in the words of the command line, as questions are: what is asked stays
bounded, and a browser sends no PATCH for a page of another origin without asking first.
"""

from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from spanhouse_backend.admin.administrator import Administrator
from spanhouse_backend.admin.answers import RetentionAnswer, StoredTable
from spanhouse_backend.admin.wire import retention_document
from spanhouse_backend.errors import InvalidQuestion, StoreError
from spanhouse_backend.query.failures import Failure, failure, failure_of
from spanhouse_backend.retention import DEFAULT_RETENTION, age_text, parse_age


class RetentionDocument(BaseModel):
    """How long each kind of rows is kept, such as "7d", "2y" or "forever", and what each table holds."""

    retention: dict[str, str]
    tables: list[StoredTable]


_AGES: dict[str, Any] = {
    "parameters": [
        {
            "name": kind,
            "in": "query",
            "required": False,
            "schema": {"type": "string", "example": age_text(seconds)},
            "description": "A number and s, m, h, d, w or y (365 days), or forever. What is not named stays.",
        }
        for kind, seconds in DEFAULT_RETENTION.items()
    ]
}


def admin_router(administrator: Administrator) -> APIRouter:
    """The routes of /api/v1/admin, asking `administrator`."""
    router = APIRouter(
        prefix="/api/v1/admin",
        tags=["admin"],
        responses={
            "4XX": {"model": Failure, "description": "A parameter that makes no sense, by name."},
            503: {"model": Failure, "description": "The store cannot answer now."},
        },
    )

    @router.get("/retention", response_model=RetentionDocument)
    async def retention() -> JSONResponse:
        """For how long is what kept, and what does each table hold?"""
        return await _answer(administrator.retention())

    @router.patch("/retention", response_model=RetentionDocument, openapi_extra=_AGES)
    async def set_retention(request: Request) -> JSONResponse:
        """Keeps rows for another time from now on, while spans come in; the answer is what is in force then."""
        try:
            change = {kind: parse_age(kind, age) for kind, age in request.query_params.items()}
        except InvalidQuestion as error:
            return failure_of(error)
        if not change:
            return failure(400, f"nothing to change: name one of {', '.join(DEFAULT_RETENTION)}")
        return await _answer(administrator.set_retention(change))

    @router.get(
        "/backup",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-tar": {}}, "description": "The archive."}},
    )
    async def backup() -> Response:
        """Everything that is stored at one moment, as a tar archive, of which `spanhouse restore` makes a directory."""
        stack = AsyncExitStack()
        try:
            made = await stack.enter_async_context(administrator.backup())
        except StoreError as error:
            return failure_of(error)
        name = f"spanhouse-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
        return _Archive(made.pieces, stack, name)

    return router


class _Archive(StreamingResponse):
    """An archive on its way, whose snapshot is dropped when it has arrived, or when nobody waits for it any more."""

    def __init__(self, pieces: AsyncIterator[bytes], stack: AsyncExitStack, name: str) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        super().__init__(pieces, media_type="application/x-tar", headers=headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        async with self._stack:
            await super().__call__(scope, receive, send)


async def _answer(asked: Coroutine[Any, Any, RetentionAnswer]) -> JSONResponse:
    try:
        return JSONResponse(retention_document(await asked))
    except StoreError as error:
        return failure_of(error)
