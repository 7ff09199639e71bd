"""The REST face of boards: GET /api/v1/boards, described by OpenAPI.

Boards are of the whole server: every namespace has the same, each asking its own spans.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from spanhouse_backend.boards.board_file import Board, BoardFile
from spanhouse_backend.boards.panels import ShownPanel
from spanhouse_backend.query.failures import Failure, failure
from spanhouse_backend.query.formats import JSON
from spanhouse_backend.query.representation import represented


@dataclass(frozen=True, slots=True)
class ShownBoard:
    """One board: `since` is the window it opens with, "" for whatever whoever looks has chosen."""

    name: str
    title: str
    description: str
    since: str
    panels: tuple[ShownPanel, ...]


@dataclass(frozen=True, slots=True)
class BoardsDocument:
    """The boards of the file that the server was started with, in its order; none without one."""

    rows: tuple[ShownBoard, ...]


_JSON = TypeAdapter(BoardsDocument)


def boards_document(file: BoardFile) -> BoardsDocument:
    """What whoever shows the boards of a file has to know. Made once: every panel's question is read for it."""
    return BoardsDocument(tuple(map(_shown, file.boards)))


def boards_router(current: Callable[[], BoardsDocument]) -> APIRouter:
    """The route of the boards in force: what `current` says when it is asked."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["boards"],
        responses={
            304: {"description": "What If-None-Match names is still the answer."},
            "4XX": {"model": Failure, "description": "A parameter: it takes none."},
        },
    )

    async def boards(request: Request) -> Response:
        """Which boards are there: named pages of panels, each a question and a way to show the answer?"""
        for name in request.query_params:
            return failure(400, f"{name[:100]}: no such parameter: there are none", name[:100])
        return await asyncio.to_thread(_answer, request, current())

    router.add_api_route("/boards", boards, response_model=BoardsDocument, methods=["GET"], name="boards")
    router.add_api_route("/boards", boards, methods=["HEAD"], include_in_schema=False)
    return router


def _answer(request: Request, document: BoardsDocument) -> Response:
    count = {"X-Record-Count": str(len(document.rows))}
    return represented(request, _JSON.dump_json(document), JSON.content_type, count)


def _shown(board: Board) -> ShownBoard:
    panels = tuple(panel.shown() for panel in board.panels)
    return ShownBoard(board.name, board.title or board.name, board.description, board.since, panels)
