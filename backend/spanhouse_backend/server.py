"""The composition root: storage starts first, then ingest, then query, and they stop in reverse.

One process, one event loop: grpc.aio and the HTTP application share it, and the engine's blocking calls run on
the store's own threads. This is the only module that knows ingest, store and query.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version

import grpc
import uvicorn
from fastapi import FastAPI
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health

from spanhouse_backend.ingest.commit import GroupCommitter
from spanhouse_backend.ingest.otlp_grpc import TRACE_SERVICE, trace_service
from spanhouse_backend.listen import ReadyFile, bind, bound_address, cannot_listen
from spanhouse_backend.query.query_grpc import QUERY_SERVICE, add_query_service
from spanhouse_backend.query.query_http import query_router
from spanhouse_backend.query.reader import Reader
from spanhouse_backend.settings import Address, Settings
from spanhouse_backend.store.store import Store

# How long requests already accepted may take to be answered after SIGTERM.
GRACE_SECONDS = 10.0

Announce = Callable[[dict[str, str]], None]


async def serve(settings: Settings, announce: Announce) -> None:
    """Serves until SIGTERM or SIGINT; calls `announce` with the bound addresses once requests are answered.

    Raises SettingsError when an address or the ready file cannot be had, StoreError when the data cannot.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async with contextlib.AsyncExitStack() as stopping:
        # Taken before the store is opened: a port in use should not cost the user a second of waiting.
        http_socket = stopping.enter_context(bind(settings.http, "--http"))
        store = await asyncio.to_thread(Store.open, settings.data)
        stopping.push_async_callback(store.close)

        committer = GroupCommitter(
            store, max_group_bytes=settings.max_group_bytes, max_waiting_bytes=settings.max_waiting_bytes
        )
        stopping.push_async_callback(committer.drain)
        reader = Reader(store)

        grpc_server, grpc_address = await _start_grpc(settings, committer, reader)
        stopping.push_async_callback(grpc_server.stop, GRACE_SECONDS)
        http_server, http_task = _start_http(http_socket, reader)
        stopping.push_async_callback(_stop_http, http_server, http_task)

        addresses = {"grpc": str(grpc_address), "http": str(bound_address(http_socket))}
        store.publish(addresses)
        ready_file = ReadyFile(settings.ready_file)
        stopping.callback(ready_file.remove)
        ready_file.write(addresses)
        announce(addresses)
        await stop.wait()


async def _start_grpc(settings: Settings, committer: GroupCommitter, reader: Reader) -> tuple[grpc.aio.Server, Address]:
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            # Without this a second server on the same port would silently take half of the requests.
            ("grpc.so_reuseport", 0),
        ]
    )
    server.add_generic_rpc_handlers((trace_service(committer.commit),))
    add_query_service(server, reader)
    health_service = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    for name in ("", TRACE_SERVICE, QUERY_SERVICE):
        await health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        port = server.add_insecure_port(str(settings.grpc))
    except RuntimeError as error:
        raise cannot_listen(settings.grpc, "--grpc", "the address is in use or not of this machine") from error
    await server.start()
    return server, Address(settings.grpc.host, port)


class _Uvicorn(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process's belong to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _start_http(listener: socket.socket, reader: Reader) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    app = FastAPI(title="spanhouse", version=version("spanhouse"))
    app.include_router(query_router(reader))
    config = uvicorn.Config(app, lifespan="off", access_log=False, log_level="warning", server_header=False)
    server = _Uvicorn(config)
    return server, asyncio.create_task(server.serve(sockets=[listener]), name="http")


async def _stop_http(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task
