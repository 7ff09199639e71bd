"""Everything the server has to know about access: what its settings put in front of the doors.

Without tokens and certificates that is nothing, and the doors are as they would be without this package.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import grpc
from fastapi import APIRouter
from starlette.types import ASGIApp

from spanhouse_backend.access.clickhouse_access import ClickHouseAccess
from spanhouse_backend.access.gate import Gate, Report
from spanhouse_backend.access.grpc_access import GrpcAccess
from spanhouse_backend.access.http_access import ByNamespace, HttpAccess
from spanhouse_backend.access.namespaces import Namespaces
from spanhouse_backend.access.reloading import Reloading
from spanhouse_backend.access.serving import Serving
from spanhouse_backend.access.session_http import session_router
from spanhouse_backend.access.tls import Certificates, Tls
from spanhouse_backend.access.token_file import read_tokens
from spanhouse_backend.access.tokens import Tokens
from spanhouse_backend.roles import Role
from spanhouse_backend.settings import Settings, TlsFiles


class Access:
    """The gate in front of both doors, and the TLS that they speak; without either, whoever connects is let in."""

    def __init__(
        self,
        tokens: Path | None = None,
        tls: TlsFiles | None = None,
        namespaces: Collection[str] = (),
        roles: Collection[Role] = tuple(Role),
    ) -> None:
        """Raises SettingsError, naming the option, when a file cannot be used."""
        self._namespaces = Namespaces(namespaces)
        self._serving = Serving(roles)
        self._tls = Tls(tls) if tls else None
        self._tokens: Reloading[Tokens] | None = None
        self._gate: Gate | None = None
        if tokens:
            in_force = self._tokens = Reloading(lambda: read_tokens(tokens, "--tokens"), [tokens])
            self._gate = Gate(lambda: in_force.current)

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, settings: Settings) -> AsyncIterator[Self]:
        """What the settings ask for; its files are watched until the block ends. Raises SettingsError."""
        access = cls(settings.tokens, settings.tls, settings.namespaces, settings.roles)
        watchers = [asyncio.create_task(watched.watch(), name="access") for watched in access._watched()]
        try:
            yield access
        finally:
            # They wait for the clock and for a look at a file, never for each other.
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def urls(self, addresses: dict[str, str]) -> dict[str, str]:
        """How clients name the server: `addresses`, by protocol, with the schemes that the doors speak."""
        if self._tls:
            return {protocol: f"https://{address}" for protocol, address in addresses.items()}
        return {
            protocol: address if protocol == "grpc" else f"http://{address}" for protocol, address in addresses.items()
        }

    def grpc_interceptors(self, report: Report) -> list[grpc.aio.ServerInterceptor]:
        """What every call goes through; `report` is told of those that do not get through."""
        return [GrpcAccess(self._gate, self._serving, self._namespaces, report)]

    def add_grpc_port(self, server: grpc.aio.Server, address: str) -> int:
        """Opens the port of gRPC, and returns it. Raises RuntimeError, as gRPC does, when it cannot be had."""
        if self._tls:
            return server.add_secure_port(address, self._tls.grpc_credentials())
        return server.add_insecure_port(address)

    def guard(self, apps: Mapping[str, ASGIApp], cors_origins: Sequence[str], report: Report) -> ASGIApp:
        """`apps`, one a namespace, behind what every request goes through; `report` is told of those that do not."""
        return HttpAccess(ByNamespace(apps), self._gate, self._serving, self._namespaces, report, cors_origins)

    def session_router(self, report: Report) -> APIRouter:
        """Where browsers show a token and get a session; `report` is told of tokens that are none."""
        return session_router(self._gate, report)

    def guard_clickhouse(self, apps: Mapping[str, ASGIApp], report: Report) -> ASGIApp:
        """The port for ClickHouse's clients, in the same way."""
        return ClickHouseAccess(ByNamespace(apps), self._gate, self._serving, self._namespaces, report)

    def ssl_context_factory(self) -> Callable[[object, object], ssl.SSLContext] | None:
        """As uvicorn takes it; None for plain text."""
        tls = self._tls
        return (lambda _config, _default: tls.ssl_context()) if tls else None

    def _watched(self) -> Iterator[Reloading[Tokens] | Reloading[Certificates]]:
        if self._tokens:
            yield self._tokens
        if self._tls:
            yield self._tls.files
