"""The file of boards, read and checked as a whole: `spanhouse serve --boards FILE`, `spanhouse check --boards FILE`.

    boards:
      - name: checkout
        title: Checkout
        since: 3h
        panels:
          - title: How long paying takes
            question: series
            show: lines
            name: shop.checkout.pay
            levels: p50,p99

How such files are read is declared/file.py; here is what can stand in one. Whatever a panel would ask is read where
questions are read, so that no board is taken that no server could answer.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spanhouse_backend.boards.panels import AnyPanel
from spanhouse_backend.boards.shapes import SHAPES
from spanhouse_backend.declared.file import At, Declared, Problem
from spanhouse_backend.declared.plain_yaml import Path as FieldPath
from spanhouse_backend.declared.plain_yaml import Value
from spanhouse_backend.declared.strict import Name, Strict, Text
from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.parameters import SINCE
from spanhouse_backend.query.times import parse_window

MAX_BOARDS = 100
MAX_PANELS = 40
"""Of one board: each of them is a question."""
BoardName = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Board(Strict):
    """A page of panels."""

    name: BoardName = Field(description="What the URL calls it; no other board is called the same.")
    title: Name | None = Field(None, description="What people call it; its name if not given.")
    description: Text = Field("", description="What it is for.")
    since: Text = Field("", description=f"The window it opens with. {SINCE.help}")
    panels: tuple[AnyPanel, ...] = Field(min_length=1, max_length=MAX_PANELS)


class BoardFile(Strict):
    """Boards, in the order in which they are listed."""

    boards: tuple[Board, ...] = Field((), max_length=MAX_BOARDS)


def read_boards(path: Path, option: str = "") -> BoardFile:
    """The boards in `path`. Raises SettingsError, a line for each problem; an `option` is named in front."""
    return _BOARDS.read(path, option)


def parse_boards(text: str) -> BoardFile | list[Problem]:
    """The boards in a text, or all that is wrong with it, in order."""
    return _BOARDS.parse(text)


def schema_text() -> str:
    """The JSON Schema of such files, for editors."""
    return _BOARDS.schema_text()


def _inconsistencies(file: BoardFile, at: At) -> Iterator[Problem]:
    """What only shows when everything is there: questions nobody could answer, columns that are not in them."""
    names = Counter(board.name for board in file.boards)
    for index, board in enumerate(file.boards):
        if names[board.name] > 1:
            yield at(("boards", index, "name"), f"{board.name!r} is the name of {names[board.name]}: give each its own")
        if error := _no_window(board):
            yield at(("boards", index, "since"), error.problem)
        for number, panel in enumerate(board.panels):
            try:
                panel.shown()
            except InvalidQuestion as error:
                where = "" if error.column is None else f"column {error.column}: "
                yield at(("boards", index, "panels", number, error.parameter), f"{where}{error.problem}")


def _no_window(board: Board) -> InvalidQuestion | None:
    try:
        parse_window(board.since, "", time.time_ns())
    except InvalidQuestion as error:
        return error
    return None


def _within(value: Value, path: FieldPath) -> str:
    """What the board and the panel of a path are called, since nobody counts them."""
    called: list[str] = []
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        if isinstance(part, int) and isinstance(value, dict):
            name = value.get("title" if called else "name")
            called.append(f"{'panel' if called else 'board'} {name[:100]!r}" if isinstance(name, str) else "")
    return f" ({', '.join(filter(None, called))})" if any(called) else ""


_BOARDS = Declared(BoardFile, "Boards of spanhouse", "question", tuple(SHAPES), _inconsistencies, _within)
