"""What rules came to, kept in the store: a restart goes on from there, and so does another server over the same tables.

Judging is claimed first, one slot of time after the other, and the claim is decided by the engine: of the inserts with
one deduplication token it keeps the first. So of any number of servers one judges, and tells; if it dies meanwhile, the
next slot is anybody's.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanhouse_backend.errors import StoreUnavailable
from spanhouse_backend.store.place import Connect
from spanhouse_backend.store.runs import Runs
from spanhouse_backend.store.schema import query_text
from spanhouse_backend.store.translate import bare_message

# A statement over these few rows that takes longer than this will never end.
_SECONDS = 30
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class RuleNote:
    """One rule: how it stands since when, when it was last judged, when somebody was last told (0: never).

    `finding` and `told` are JSON's own types; what is in them is for the rules to know.
    """

    rule: str
    kind: str
    means: str
    description: str
    state: str
    since_unix_ns: int = 0
    evaluated_unix_ns: int = 0
    told_unix_ns: int = 0
    summary: str = ""
    problem: str = ""
    finding: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    gone: bool = False


class RuleNotes:
    """The notes of one store. One handle and its thread, so that what takes long elsewhere holds up no rule."""

    def __init__(self, connect: Connect) -> None:
        self._runs = Runs(connect, {"max_execution_time": _SECONDS}, "rules")
        self._notes_sql = query_text("rule_notes.sql")
        self._claim_sql = query_text("rule_claim.sql")

    @classmethod
    async def open(cls, connect: Connect) -> Self:
        """Connects to an engine that is open already (`Store.connect`). Raises StoreUnavailable."""
        try:
            return await asyncio.to_thread(cls, connect)
        except ClickHouseError as error:
            raise StoreUnavailable(f"opening the handle for rules: {bare_message(error)}") from error

    async def close(self) -> None:
        """Stops what runs and closes the handle. The engine must still be open."""
        await asyncio.to_thread(self._runs.close)

    async def read(self, rule: str = "") -> dict[str, RuleNote]:
        """The note of a rule, or of all, also of those that are gone, by name. Raises StoreUnavailable."""

        def read(client: Client) -> dict[str, RuleNote]:
            result = client.query(self._notes_sql, parameters={"rule": rule})
            rows = (dict(zip(result.column_names, row, strict=True)) for row in result.result_rows)
            notes = (
                RuleNote(**(row | {name: json.loads(row[name] or "{}") for name in ("finding", "told")}))
                for row in rows
            )
            return {note.rule: note for note in notes}

        return await self._run(read, "reading what rules came to")

    async def save(self, *notes: RuleNote) -> None:
        """Puts each in place of what was noted of its rule before. Raises StoreUnavailable."""
        if not notes:
            return
        rows = "\n".join(json.dumps(_row(note, time.time_ns())) for note in notes).encode()
        await self._run(lambda client: _insert(client, "spanhouse_rules", rows), "noting what a rule came to")

    async def claim(self, rule: str, slot: int, holder: str) -> bool:
        """Whether `holder` is the one to judge `rule` in `slot`; so for one holder alone. Raises StoreUnavailable."""
        row = json.dumps({"Rule": rule, "Slot": slot, "Holder": holder}).encode()

        def claim(client: Client) -> bool:
            _insert(client, "spanhouse_rule_claims", row, insert_deduplication_token=f"{slot}/{rule}")
            return bool(
                client.query(self._claim_sql, parameters={"rule": rule, "slot": slot}).result_rows == [(holder,)]
            )

        return await self._run(claim, "claiming a rule")

    async def _run(self, call: Callable[[Client], Answer], doing: str) -> Answer:
        try:
            return await self._runs.run(call)
        except ClickHouseError as error:
            raise StoreUnavailable(f"{doing}: {bare_message(error)}") from error


def _row(note: RuleNote, version: int) -> dict[str, Any]:
    """In the table's columns."""
    named = {_column(name): value for name, value in asdict(note).items()}
    return named | {"Finding": json.dumps(note.finding), "Told": json.dumps(note.told), "Version": version}


def _column(name: str) -> str:
    """SinceUnixNano of since_unix_ns."""
    return "".join(part.capitalize() for part in name.split("_")).replace("UnixNs", "UnixNano")


def _insert(client: Client, table: str, rows: bytes, **settings: str) -> None:
    # The answer says that the rows are there; servers of today would answer before, unless told.
    client.raw_insert(table, insert_block=rows, fmt="JSONEachRow", settings={"async_insert": "0", **settings})
