"""What questions ask: the store, one statement at a time, with rows as the dataclasses they are meant to be."""

from typing import Any, Protocol, TypeVar

from spanhouse_backend.query.statements import Fragment
from spanhouse_backend.store.store import Rows

RowT = TypeVar("RowT")


class Fetches(Protocol):
    """The part of the store that is asked."""

    async def fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        """Runs one SELECT. Raises StoreError."""

    async def change(self, sql: str, parameters: dict[str, Any]) -> None:
        """Runs one statement that changes what is stored. Raises StoreError."""


class Engine:
    """Runs statements; raises StoreError when the store cannot."""

    def __init__(self, store: Fetches) -> None:
        self._store = store

    async def rows(self, statement: Fragment) -> list[dict[str, Any]]:
        """The answer's rows by column name."""
        answer = await self._store.fetch(statement.sql, dict(statement.parameters))
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    async def change(self, statement: Fragment) -> None:
        """Runs a statement that changes what is stored."""
        await self._store.change(statement.sql, dict(statement.parameters))

    async def ask(self, row: type[RowT], statement: Fragment) -> tuple[RowT, ...]:
        """The answer's rows as `row`, whose fields are the statement's columns."""
        return tuple(row(**values) for values in await self.rows(statement))
