"""The composition root: storage starts first, then ingest, then query, and they stop in reverse.

One process, one event loop: grpc.aio and the HTTP application share it, and the engine's blocking calls run on
the store's own threads. This is the only module that knows ingest, store and query.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

import grpc
import uvicorn
from clickhouse_connect.driver.client import Client
from fastapi import FastAPI
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from spanhouse_backend.access.access import Access
from spanhouse_backend.access.grpc_access import ByNamespace
from spanhouse_backend.access.reloading import Reloading
from spanhouse_backend.admin.admin_grpc import ADMIN_SERVICE, add_admin_service
from spanhouse_backend.admin.admin_http import admin_router
from spanhouse_backend.admin.administrator import Administrator
from spanhouse_backend.alerts.courier import Courier
from spanhouse_backend.alerts.keeper import Keeper
from spanhouse_backend.alerts.rule_file import RuleFile, read_rules
from spanhouse_backend.boards.board_file import read_boards
from spanhouse_backend.boards.boards_http import BoardsDocument, boards_document, boards_router
from spanhouse_backend.connections import (
    IDLE_SECONDS,
    MAX_HEADER_BYTES,
    Connections,
    connection_limit,
    grpc_bounds,
)
from spanhouse_backend.doors import ClickHouseDoor, GrpcDoor, HttpDoor
from spanhouse_backend.errors import SettingsError, StoreUnusable
from spanhouse_backend.house import House, Houses, opened, place_of, sandbox_limits
from spanhouse_backend.ingest.otlp_grpc import otlp_services
from spanhouse_backend.ingest.otlp_http import otlp_routes
from spanhouse_backend.ingest.signals import SIGNALS
from spanhouse_backend.ingest.spool import SpoolReader
from spanhouse_backend.listen import ReadyFile, bind, bound_address, cannot_listen
from spanhouse_backend.metrics import Figures, metrics_route
from spanhouse_backend.namespace import kept_namespaces
from spanhouse_backend.probes import probe_routes
from spanhouse_backend.query.clickhouse_http.app import GRACE_SECONDS as ANSWER_GRACE_SECONDS
from spanhouse_backend.query.clickhouse_http.app import ClickHouseHttp, Engine, Port
from spanhouse_backend.query.clickhouse_http.writes import Writes
from spanhouse_backend.query.failures import failure_of_route
from spanhouse_backend.query.live_http import live_router
from spanhouse_backend.query.query_grpc import QUERY_SERVICE, add_query_service
from spanhouse_backend.query.query_http import query_router
from spanhouse_backend.query.sql_checker import SqlChecker
from spanhouse_backend.query.sql_grpc import SQL_SERVICE, add_sql_service
from spanhouse_backend.query.sql_http import sql_router
from spanhouse_backend.query.statements import statement_text
from spanhouse_backend.records.event_http import event_router
from spanhouse_backend.records.posting import Posting, SendingPages
from spanhouse_backend.records.reading_http import reading_router
from spanhouse_backend.records.record_http import record_router
from spanhouse_backend.settings import Address, Settings
from spanhouse_backend.store.copying import Copied, Copying
from spanhouse_backend.store.embedded import ENGINE_FOLDER
from spanhouse_backend.store.piped import Pipes
from spanhouse_backend.store.queries import STATEMENTS_AT_ONCE
from spanhouse_backend.store.rule_notes import RuleNotes
from spanhouse_backend.store.sandbox import Parser
from spanhouse_backend.store.store import Store
from spanhouse_backend.web.routes import web_routes

# How long requests already accepted may take to be answered after SIGTERM.
GRACE_SECONDS = 10.0
# Statements of ClickHouse's clients: a dashboard or two ask all that they show at once.
CLICKHOUSE_WAITING = 64
_WITHOUT_CLICKHOUSE = ", and off does without ClickHouse's clients (another ClickHouse on this machine has 8123 too)"

Answer = TypeVar("Answer")
Announce = Callable[[dict[str, str], Callable[[], Figures]], None]

logger = logging.getLogger(__name__)


async def serve(settings: Settings, announce: Announce) -> None:
    """Serves until SIGTERM or SIGINT; calls `announce` once requests are answered.

    It is given the bound addresses by protocol, and what says how things stand.

    Raises SettingsError when an address or a file of the settings cannot be had, StoreError when the data cannot.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async with contextlib.AsyncExitStack() as stopping:
        access = await stopping.enter_async_context(Access.of(settings))
        # Taken before the store is opened: a port in use should not cost the user a second of waiting.
        http_socket = stopping.enter_context(bind(settings.http, "--http"))
        clickhouse_socket = (
            stopping.enter_context(bind(settings.clickhouse_http, "--clickhouse-http", _WITHOUT_CLICKHOUSE))
            if settings.clickhouse_http
            else None
        )
        if settings.rules:
            read_rules(settings.rules, "--rules")
        boards = _boards(settings.boards, stopping)
        houses = await stopping.enter_async_context(opened(settings))
        health_service = health.HealthServicer()
        grpc_server, grpc_address = await _start_grpc(settings.grpc, settings, houses, access, health_service)
        stopping.push_async_callback(grpc_server.stop, GRACE_SECONDS)
        http_server, http_task = _start_http(http_socket, settings, houses, access, boards, grpc_address.port)
        stopping.push_async_callback(_stop_http, http_server, http_task)
        # Before connections are waited for: these would never end.
        for house in houses.by_namespace.values():
            stopping.callback(house.live.stop)
        if clickhouse_socket is not None:
            await _start_clickhouse(clickhouse_socket, settings, houses, access, stopping)

        async def changed(_: bool) -> None:
            await _set_health(health_service, takes_spans=houses.ready)

        watching = [house.readiness.watch(changed) for house in houses.by_namespace.values()]
        watching += [spool.watch() for spool in _spools(settings, houses)]
        stopping.push_async_callback(_cancel, *(asyncio.create_task(watch, name="watch") for watch in watching))
        if settings.rules:
            await _keep_rules(settings.rules, houses, stopping)

        addresses = {"grpc": str(grpc_address), "http": str(bound_address(http_socket))}
        if clickhouse_socket is not None:
            addresses["clickhouse_http"] = str(bound_address(clickhouse_socket))
        houses.main.store.publish(access.urls(addresses))
        announce(addresses, houses.metrics.figures)
        logger.info("serving", extra={**addresses, "data": settings.where, "version": version("spanhouse")})
        # Last: whoever waits for the file finds everything else done, what was announced included.
        ready_file = ReadyFile(settings.ready_file)
        stopping.callback(ready_file.remove)
        ready_file.write(addresses)
        await stop.wait()
        logger.info("stopping")


def _spools(settings: Settings, houses: Houses) -> tuple[SpoolReader, ...]:
    """What is in a spool says of no namespace, so it is of the one without a name."""
    folder, intake = settings.spool, houses.main.intake
    return tuple(SpoolReader(folder, intake, houses.metrics, one) for one in SIGNALS) if folder else ()


def _boards(path: Path | None, stopping: contextlib.AsyncExitStack) -> Callable[[], BoardsDocument]:
    """Says the boards in force. Raises SettingsError."""
    if path is None:
        none = BoardsDocument(())
        return lambda: none
    file = Reloading(lambda: boards_document(read_boards(path, "--boards")), [path])
    stopping.push_async_callback(_cancel, asyncio.create_task(file.watch(), name="boards-file"))
    return lambda: file.current


async def _keep_rules(path: Path, houses: Houses, stopping: contextlib.AsyncExitStack) -> None:
    house, metrics = houses.main, houses.metrics

    def load() -> RuleFile:
        try:
            rules = read_rules(path, "--rules")
        except SettingsError:
            metrics.rules_read(good=False)
            raise
        metrics.rules_read(good=True)
        return rules

    notes = await RuleNotes.open(house.store.connect)
    stopping.push_async_callback(notes.close)
    courier = Courier()
    stopping.push_async_callback(courier.close)
    file = Reloading(load, [path])
    keeper = Keeper(file, house.reader, notes, courier, metrics)
    keeper.start()
    stopping.push_async_callback(keeper.close)
    stopping.push_async_callback(_cancel, asyncio.create_task(file.watch(), name="rules-file"))


async def ask_once(settings: Settings, question: Callable[[str], Answer]) -> Answer:
    """Opens the store, takes the spool in, lets `question` ask a server at the address it is given, closes again.

    For when no server runs: whoever asks asks the same service as always, and only its address is different. Raises
    StoreHeld or StoreUnusable when the data directory cannot be had.
    """
    async with opened(settings) as houses:
        for spool in _spools(settings, houses):
            await spool.take_in()
        access = Access(namespaces=settings.namespaces)
        server, address = await _start_grpc(Address("127.0.0.1", 0), settings, houses, access, health.HealthServicer())
        try:
            return await asyncio.to_thread(question, str(address))
        finally:
            await server.stop(None)


async def copy_to(settings: Settings, namespace: str, tell: Callable[[str, int, int], None]) -> list[Copied]:
    """Copies what the data directory of `settings` holds of a namespace to its ClickHouse server; see store/copying.py.

    Raises StoreHeld while a server has the directory, StoreUnusable, StoreUnavailable.
    """
    if not settings.data.is_dir():
        raise StoreUnusable(f"there is no data directory {settings.data}: name one with --data")
    if namespace and namespace not in (there := kept_namespaces(settings.data)):
        raise StoreUnusable(f"{settings.data} has no namespace {namespace}; it has {', '.join(there) or 'none'}")
    async with opened(replace(settings, clickhouse=None, namespaces=(namespace,) if namespace else ())) as houses:
        # What is in a spool belongs to the namespace without a name.
        for spool in [] if namespace else _spools(settings, houses):
            await spool.take_in()
        source = houses.by_namespace[namespace].store
        target = await asyncio.to_thread(Store.open_at, place_of(settings, namespace), houses.metrics)
        try:
            return await target.administer(lambda client: _copied(source.connect(), client, tell))
        finally:
            await target.close()


def _copied(source: Client, target: Client, tell: Callable[[str, int, int], None]) -> list[Copied]:
    with contextlib.closing(source):
        return Copying(source, target).run(tell)


async def _start_grpc(
    address: Address, settings: Settings, houses: Houses, access: Access, health_service: health.HealthServicer
) -> tuple[grpc.aio.Server, Address]:
    metrics = houses.metrics
    server = grpc.aio.server(
        interceptors=[GrpcDoor(metrics), *access.grpc_interceptors(metrics.refused)],
        options=[
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            # Without this a second server on the same port would silently take half of the requests.
            ("grpc.so_reuseport", 0),
            *grpc_bounds(connection_limit(settings.max_connections)),
        ],
    )
    services = {namespace: _grpc_services(house) for namespace, house in houses.by_namespace.items()}
    server.add_generic_rpc_handlers((ByNamespace(services),))
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    for name in (QUERY_SERVICE, SQL_SERVICE, ADMIN_SERVICE):
        await health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    await _set_health(health_service, takes_spans=True)
    try:
        port = access.add_grpc_port(server, str(address))
    except RuntimeError as error:
        raise cannot_listen(address, "--grpc", "the address is in use or not of this machine") from error
    await server.start()
    return server, Address(address.host, port)


class _Services(list[grpc.GenericRpcHandler]):
    """Takes what generated code gives a server, to be chosen from by namespace."""

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Keeps them."""
        self.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """The same ones again: a server would find them by name, before anybody could choose."""


def _grpc_services(house: House) -> list[grpc.GenericRpcHandler]:
    services = _Services(otlp_services(house.intake))
    server = cast("grpc.aio.Server", services)  # as far as generated code is concerned
    add_query_service(server, house.reader)
    add_sql_service(server, house.sql)
    add_admin_service(server, Administrator(house.store))
    return services


async def _set_health(service: health.HealthServicer, takes_spans: bool) -> None:
    """Whole server and ingest; queries go on while nothing can be stored."""
    status = health_pb2.HealthCheckResponse
    for name in ("", *(one.service for one in SIGNALS)):
        await service.set(name, status.SERVING if takes_spans else status.NOT_SERVING)


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process's belong to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _start_http(
    listener: socket.socket,
    settings: Settings,
    houses: Houses,
    access: Access,
    boards: Callable[[], BoardsDocument],
    grpc_port: int,
) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    apps = {
        name: _http_app(settings, houses, house, access, boards, grpc_port)
        for name, house in houses.by_namespace.items()
    }
    guarded = access.guard(apps, settings.cors_origins, houses.metrics.refused)
    return _start_uvicorn(HttpDoor(guarded, houses.metrics), listener, settings, access, "http")


def _http_app(
    settings: Settings,
    houses: Houses,
    house: House,
    access: Access,
    boards: Callable[[], BoardsDocument],
    grpc_port: int,
) -> ASGIApp:
    # FastAPI's own pages load their scripts from elsewhere.
    app = FastAPI(title="spanhouse", version=version("spanhouse"), docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, failure_of_route)
    app.include_router(query_router(house.reader, house.queries))
    app.include_router(sql_router(house.sql))
    app.include_router(live_router(house.live, _no_live(settings)))
    app.include_router(boards_router(boards))
    app.include_router(access.session_router(houses.metrics.refused))
    app.include_router(admin_router(Administrator(house.store)))
    posting = Posting(house.intake, settings.cors_origins)
    app.include_router(record_router(posting))
    app.include_router(reading_router(house.reader))
    app.include_router(event_router(posting))
    app.router.routes += otlp_routes(house.intake, settings.cors_origins)
    app.router.routes += probe_routes(houses.problem)
    if house is houses.main:
        # Of the whole server: how much others send is nothing for who has a namespace.
        app.router.routes.append(metrics_route(houses.metrics, house.store.table_sizes))
    app.router.routes += web_routes(grpc_port)
    app.add_middleware(SendingPages, cors_origins=settings.cors_origins)
    return app


async def _start_clickhouse(
    listener: socket.socket, settings: Settings, houses: Houses, access: Access, stopping: contextlib.AsyncExitStack
) -> None:
    # Longer than those who have the turns may keep them.
    patience = settings.sql_timeout_seconds + 2 * ANSWER_GRACE_SECONDS
    engine_folder = (settings.data / ENGINE_FOLDER).absolute()
    pipes = await Pipes.open(engine_folder, STATEMENTS_AT_ONCE, CLICKHOUSE_WAITING, patience)
    stopping.push_async_callback(pipes.close)
    apps: dict[str, ASGIApp] = {}
    for namespace, house in houses.by_namespace.items():
        parser = await Parser.open(house.store.connect, sandbox_limits(settings), CLICKHOUSE_WAITING)
        stopping.push_async_callback(parser.close)
        (said,) = (await house.store.fetch("SELECT version(), timezone()", {})).rows
        # What is written may name any database, so it is for those who may use all of them.
        may_write = settings.clickhouse_http_writes and not namespace
        port = Port(
            SqlChecker(parser, house.store.database, as_clickhouse=True),
            house.store.database,
            pipes,
            sandbox_limits(settings),
            Engine(*said),
            await _writes(parser, house.store) if may_write else None,
            settings.max_request_bytes,
            settings.max_waiting_bytes,
        )
        apps[namespace] = ClickHouseHttp(port)
    app = ClickHouseDoor(access.guard_clickhouse(apps, houses.metrics.refused), houses.metrics)
    server, task = _start_uvicorn(app, listener, settings, access, "clickhouse-http")
    stopping.push_async_callback(_stop_http, server, task)


async def _writes(parser: Parser, store: Store) -> Writes:
    names = await store.fetch(statement_text("callable_names.sql"), {})
    return Writes(parser, [name for (name,) in names.rows])


def _start_uvicorn(
    app: ASGIApp, listener: socket.socket, settings: Settings, access: Access, name: str
) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    config = uvicorn.Config(
        app,
        ssl_context_factory=access.ssl_context_factory(),
        lifespan="off",
        access_log=False,
        # Through the handlers that all records go through.
        log_config=None,
        log_level="error",  # warnings are of requests that are not HTTP: anybody could fill the log with them
        server_header=False,
        # A factory does where uvicorn asks for a class: it only calls it.
        http=Connections(connection_limit(settings.max_connections)).protocol,  # type: ignore[arg-type]
        timeout_keep_alive=IDLE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        # Else a sender that stops in the middle would keep the server from stopping.
        timeout_graceful_shutdown=int(GRACE_SECONDS),
    )
    server = _Uvicorn(config)
    return server, asyncio.create_task(server.serve(sockets=[listener]), name=name)


def _no_live(settings: Settings) -> str:
    """Why nobody can watch spans arrive; '' where one can."""
    if settings.clickhouse and settings.clickhouse.cluster:
        return "the servers of a cluster number what they store each by itself: ask `spans`, the newest come first"
    return ""


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    # All before any is waited for: what they end takes as long as that of the slowest, not of all together.
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _stop_http(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task
