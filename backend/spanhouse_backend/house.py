"""What answers, whoever asks: one open store with the way in and the way out of it, for each namespace one.

All of a server's share what is to be bounded for the process as a whole: the bytes that requests hold, the turns to
insert and to convert, and the metrics.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from spanhouse_backend.ingest.admission import Admission
from spanhouse_backend.ingest.answer import Intake
from spanhouse_backend.ingest.commit import INSERTS_AT_ONCE, GroupCommitter, Limits
from spanhouse_backend.ingest.heavy_work import HeavyWork
from spanhouse_backend.metrics import Metrics
from spanhouse_backend.query.live import Live
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.query.sql_reader import SqlReader, sandbox_settings
from spanhouse_backend.readiness import Readiness
from spanhouse_backend.settings import Settings
from spanhouse_backend.store.embedded import Embedded, EmbeddedNamespace
from spanhouse_backend.store.place import Place
from spanhouse_backend.store.queries import STATEMENTS_AT_ONCE, Queries, QueryLimits
from spanhouse_backend.store.sandbox import Limits as SandboxLimits
from spanhouse_backend.store.sandbox import Sandbox
from spanhouse_backend.store.server import Server
from spanhouse_backend.store.store import Store


class House(NamedTuple):
    """One namespace: its store, and what asks and fills it."""

    store: Store
    committer: GroupCommitter
    intake: Intake
    queries: Queries
    reader: Reader
    sql: SqlReader
    live: Live
    readiness: Readiness


class Houses(NamedTuple):
    """Every namespace of a server, and what they share. The one without a name, '', is always there."""

    by_namespace: Mapping[str, House]
    admission: Admission
    metrics: Metrics

    @property
    def main(self) -> House:
        """The one without a name."""
        return self.by_namespace[""]

    @property
    def ready(self) -> bool:
        """Whether all of them take what is sent."""
        return all(house.readiness.ready for house in self.by_namespace.values())

    async def problem(self) -> str:
        """What keeps any of them from taking what is sent; '' when nothing does."""
        problems = await asyncio.gather(*(house.readiness.problem() for house in self.by_namespace.values()))
        return next(filter(None, problems), "")


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Houses]:
    """Storage, then ingest, then query; closed in reverse, when all that was accepted is stored.

    Raises StoreHeld or StoreUnusable when the data directory, or the ClickHouse server, cannot be had.
    """
    metrics = Metrics()
    admission = Admission(settings.max_waiting_bytes)
    # Held for one insert by runners that wait for nothing else under it, whichever namespace they are of.
    turns = asyncio.Semaphore(INSERTS_AT_ONCE)
    heavy_work = HeavyWork()
    by_namespace: dict[str, House] = {}
    async with contextlib.AsyncExitStack() as stack:
        for namespace in ("", *settings.namespaces):
            house = _opened(settings, namespace, metrics, admission, turns, heavy_work)
            by_namespace[namespace] = await stack.enter_async_context(house)
        houses = Houses(by_namespace, admission, metrics)
        _watch(houses)
        yield houses


@contextlib.asynccontextmanager
async def _opened(
    settings: Settings,
    namespace: str,
    metrics: Metrics,
    admission: Admission,
    turns: asyncio.Semaphore,
    heavy_work: HeavyWork,
) -> AsyncIterator[House]:
    place = place_of(settings, namespace)
    store = await asyncio.to_thread(Store.open_at, place, metrics, retention=settings.retention)
    try:
        limits = Limits(
            settings.max_group_bytes,
            settings.max_insert_memory,
            settings.max_span_age_seconds,
            settings.max_span_ahead_seconds,
            settings.linger_seconds,
        )
        committer = GroupCommitter(store, limits, metrics, turns)
        await committer.recover()
        intake = Intake(
            committer.commit,
            admission,
            settings.max_request_bytes,
            settings.max_insert_memory,
            settings.max_json_bytes,
            committer.window,
            heavy_work,
        )
        readiness = Readiness(store, committer)
        async with contextlib.AsyncExitStack() as asking:
            queries = await Queries.open(store.connect, _query_limits(settings), metrics)
            asking.push_async_callback(queries.close)
            sandbox = await Sandbox.open(store.connect, sandbox_limits(settings), sandbox_settings(store.database))
            asking.push_async_callback(sandbox.close)
            reader, sql = Reader(queries, settings.query_timeout_seconds), SqlReader(sandbox, store.database)
            live = Live(queries, reader, alone=not settings.clickhouse)
            await live.tidy()
            asking.push_async_callback(live.close)
            yield House(store, committer, intake, queries, reader, sql, live, readiness)
        await committer.drain()
    finally:
        await store.close()


def _watch(houses: Houses) -> None:
    metrics, there = houses.metrics, tuple(houses.by_namespace.values())
    metrics.watch_waiting(
        lambda: houses.admission.held_bytes, lambda: sum(house.committer.waiting_requests for house in there)
    )
    metrics.watch_disk(houses.main.store.free_bytes, lambda: houses.ready)
    metrics.watch_live(lambda: sum(house.live.watchers for house in there))


def place_of(settings: Settings, namespace: str = "") -> Place:
    """Where the tables of a namespace are."""
    if address := settings.clickhouse:
        return Server(replace(address, database=f"{address.database}_{namespace}") if namespace else address)
    if namespace:
        return EmbeddedNamespace(namespace, settings.data, settings.min_free_bytes, fsync=settings.fsync)
    return Embedded(settings.data, settings.min_free_bytes, fsync=settings.fsync)


def _query_limits(settings: Settings) -> QueryLimits:
    return QueryLimits(
        seconds=settings.query_timeout_seconds,
        memory_bytes=settings.query_max_memory_bytes,
        # Half of the cores for all of them together: spans go on being stored while questions run.
        threads=max(1, (os.cpu_count() or 1) // (2 * STATEMENTS_AT_ONCE)),
    )


def sandbox_limits(settings: Settings) -> SandboxLimits:
    """What a raw SQL statement may take."""
    return SandboxLimits(
        seconds=settings.sql_timeout_seconds,
        rows=settings.sql_max_rows,
        result_bytes=settings.sql_max_bytes,
        memory_bytes=settings.sql_max_memory_bytes,
        # Most of the machine is left to those who send spans and those who ask the other questions.
        threads=max(1, (os.cpu_count() or 1) // 4),
    )
