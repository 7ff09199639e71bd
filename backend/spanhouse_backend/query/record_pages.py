"""Log records in order of time, page by page, in any depth, without reading more of them than the page has.

A table of logs is ordered by service first, and the hash that tells records of one time apart is made of all columns:
ordering a window by both would read all of it. So the times of the page are found first, which reads the column of
times and those that the filter speaks of, hour by hour and then in ever longer parts until the page is full; and only
the records between these times are read, hashed and ordered.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from spanhouse_backend.query.conditions import condition
from spanhouse_backend.query.engine import Engine
from spanhouse_backend.query.filters import Filter
from spanhouse_backend.query.records import HASH, RecordKey, stored, within
from spanhouse_backend.query.statements import Fragment, statement
from spanhouse_backend.query.times import SECOND_NS, Window

NEWEST, OLDEST = "newest", "oldest"
ORDERS = (NEWEST, OLDEST)
# Where pages are looked for first, and by how much further each time: six times to a month, so that a rare record costs
# little more than one that every hour has.
_FIRST_PART_NS = 3600 * SECOND_NS
_LONGER = 4
_DIRECTIONS = {NEWEST: Fragment("DESC"), OLDEST: Fragment("ASC")}
_NOT_BEFORE = {
    NEWEST: "(time_unix_ns, hash) <= ({last_ns:Int64}, {last_hash:UInt64})",
    OLDEST: "(time_unix_ns, hash) >= ({last_ns:Int64}, {last_hash:UInt64})",
}
_EVERY = Fragment("1")


class Place(NamedTuple):
    """Where a page ended: its last record, which was the `copy`-th of those that are the same in everything."""

    key: RecordKey
    copy: int


async def record_page(
    engine: Engine,
    where: Filter,
    window: Window,
    order: str,
    limit: int,
    *,
    offset: int = 0,
    after: Place | None = None,
) -> list[dict[str, Any]]:
    """At most `limit` records of a window that match, by (time, hash), from the one after `offset` or `after` on.

    Each has what LogRow has, with `hash` and `copy` for the Place that it is.
    """
    filtered = condition(where)
    near = far = after.key.time_ns if after else None
    # What is left out at the page's first time: a page may begin between records of one time.
    skipped = after.copy if after else 0
    offset, wanted = 0 if after else offset, limit
    part = await stored(engine, _beyond(window, order, after))
    for piece in _pieces(part, order) if part else ():
        if offset and (there := await count_records(engine, where, piece)) <= offset:
            offset -= there
            continue
        times = await engine.rows(
            statement(
                "record_times.sql",
                {"limit": wanted, "offset": offset},
                within=within(piece),
                filter=filtered,
                direction=_DIRECTIONS[order],
            )
        )
        if not times:
            continue
        if near is None:
            near = times[0]["time_unix_ns"]
            if offset:
                skipped = offset - await count_records(engine, where, _until(piece, order, near))
                offset = 0
        far = times[-1]["time_unix_ns"]
        wanted -= len(times)
        if not wanted:
            break
    if near is None or far is None:
        return []
    return await engine.rows(
        statement(
            "records.sql",
            {"limit": limit, "offset": skipped},
            hash=HASH,
            within=within(Window(min(near, far), max(near, far) + 1)),
            filter=filtered,
            after=_after(order, after),
            direction=_DIRECTIONS[order],
        )
    )


async def count_records(engine: Engine, where: Filter, window: Window) -> int:
    """How many records of a window match."""
    if window.from_ns >= window.to_ns:
        return 0
    (counted,) = await engine.rows(statement("count_records.sql", within=within(window), filter=condition(where)))
    return int(counted["records"])


def _after(order: str, after: Place | None) -> Fragment:
    if after is None:
        return _EVERY
    return Fragment(_NOT_BEFORE[order], {"last_ns": after.key.time_ns, "last_hash": after.key.hash})


def _beyond(window: Window, order: str, after: Place | None) -> Window:
    """What of a window is later than the time that the page before ended at, or earlier, as pages go."""
    if after is None:
        return window
    if order == NEWEST:
        return Window(window.from_ns, after.key.time_ns)
    return Window(after.key.time_ns + 1, window.to_ns)


def _until(piece: Window, order: str, time_ns: int) -> Window:
    """What of a piece comes before a time, as pages go."""
    return Window(time_ns + 1, piece.to_ns) if order == NEWEST else Window(piece.from_ns, time_ns)


def _pieces(window: Window, order: str) -> Iterator[Window]:
    """The window in pieces, as pages go, each longer than the one before."""
    begin, end = window
    length = _FIRST_PART_NS
    while begin < end:
        if order == NEWEST:
            piece = Window(max(begin, end - length), end)
            end = piece.from_ns
        else:
            piece = Window(begin, min(end, begin + length))
            begin = piece.to_ns
        yield piece
        length *= _LONGER
