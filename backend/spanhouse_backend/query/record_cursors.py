"""Pages of log records with the cursors between them: what `logs` and `events` share."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from spanhouse_backend.query.cursors import CURSOR, cursor_parts, cursor_text, no_cursor, other_order
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.parameters import MAX_OFFSET
from spanhouse_backend.query.question import Given
from spanhouse_backend.query.record_pages import Place, record_page
from spanhouse_backend.query.records import MAX_HASH, RecordKey
from spanhouse_backend.query.times import LAST_NS, Window


class RecordCursor(NamedTuple):
    """Where an answer ended: the question's order, where it looked, and the place of the last record."""

    order: str
    from_ns: int
    to_ns: int
    last_ns: int
    last_hash: int
    last_copy: int

    @property
    def window(self) -> Window:
        """Where it looked."""
        return Window(self.from_ns, self.to_ns)

    @property
    def place(self) -> Place:
        """Where it ended."""
        return Place(RecordKey(self.last_ns, self.last_hash), self.last_copy)


class RecordPage(NamedTuple):
    """Records as record_page has them, and the cursor that the rest begins at, "" at the end."""

    records: list[dict[str, Any]]
    next: str


def read_cursor(given: Given, order: str) -> RecordCursor | None:
    """The cursor of a question for records in `order`. Raises InvalidQuestion for one that no such answer gave."""
    if not given[CURSOR]:
        return None
    cursor = RecordCursor(*cursor_parts(given[CURSOR], (str, int, int, int, int, int)))
    inside = 0 <= cursor.from_ns <= cursor.last_ns < cursor.to_ns <= LAST_NS
    if not inside or not 0 <= cursor.last_hash <= MAX_HASH or not 0 < cursor.last_copy <= MAX_OFFSET:
        raise no_cursor()
    if cursor.order != order:
        raise other_order(cursor.order)
    return cursor


async def cursor_page(
    engine: Engine,
    where: Filter,
    window: Window,
    order: str,
    limit: int,
    *,
    offset: int = 0,
    after: Place | None = None,
    most_characters: int | None = None,
) -> RecordPage:
    """At most `limit` records of a window that match, and where the next ones are.

    No more than fit into `most_characters`, if that is given, but always one.
    """
    found = await record_page(engine, where, window, order, limit + 1, offset=offset, after=after)
    many = limit if most_characters is None else min(limit, fitting(found, most_characters))
    kept, rest = found[:many], found[many:]
    if not rest:
        return RecordPage(kept, "")
    last = kept[-1]
    return RecordPage(kept, cursor_text(RecordCursor(order, *window, last["time_unix_ns"], last["hash"], last["copy"])))


def fitting(records: Sequence[Mapping[str, Any]], most_characters: int) -> int:
    """How many of the first records have no more characters together than this; of some, at least one."""
    characters = accumulate(len(record["body"]) + sum(map(len, record["attributes"].values())) for record in records)
    return max(1, sum(so_far <= most_characters for so_far in characters))
