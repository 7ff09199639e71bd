"""The sockets a server answers on, and the file that says where they are.

A port that is taken, a host that does not resolve and an open door that the world can reach are each refused here,
with the option's name, before any data is touched.
"""

import ipaddress
import json
import logging
import os
import socket
from pathlib import Path

from spanhouse_backend.errors import SettingsError
from spanhouse_backend.settings import Address, Settings

logger = logging.getLogger(__name__)


def require_protected(settings: Settings) -> None:
    """Warns of tokens that travel in the clear.

    Raises SettingsError when other machines can reach an address and nothing keeps strangers out.
    """
    mutual = settings.tls is not None and settings.tls.client_ca is not None
    doors = ((settings.grpc, "--grpc"), (settings.http, "--http"), (settings.clickhouse_http, "--clickhouse-http"))
    for address, option in doors:
        if address is None:
            continue
        if settings.tokens is None and not mutual:
            require_loopback(address, option)
        elif settings.tls is None and not is_loopback(address.host):
            logger.warning("%s: tokens travel to %s in the clear: add --tls-cert and --tls-key", option, address)


def require_loopback(address: Address, option: str) -> None:
    """Raises SettingsError unless `address` can be reached from this machine only."""
    if not is_loopback(address.host):
        raise SettingsError(
            f"{option}: {address} can be reached from other machines, and nothing keeps strangers out; use 127.0.0.1, "
            "or add --tokens (or --tls-client-ca), or --insecure-listen if the network itself does"
        )


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine and reachable from nowhere else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(address: Address, option: str, otherwise: str = "") -> socket.socket:
    """A listening TCP socket. Raises SettingsError naming `option` when the address cannot be had.

    `otherwise` is what else than another port can be done then.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=1024)
    except OSError as error:
        raise cannot_listen(address, option, error.strerror or str(error), otherwise) from error
    # Connections have it from here. asyncio sets it only where a socket names its protocol, which those of
    # create_server do not; without it the end of an answer waits up to 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def cannot_listen(address: Address, option: str, problem: str, otherwise: str = "") -> SettingsError:
    """The error for an address that could not be bound."""
    return SettingsError(f"{option}: cannot listen on {address}: {problem}; port 0 takes a free one{otherwise}")


def bound_address(listener: socket.socket) -> Address:
    """Where a socket really listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


class ReadyFile:
    """Says where the server answers: there, whole, from the moment it does until it stops.

    Written beside its place and renamed, so that whoever waits for the file never reads half of it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, addresses: dict[str, str]) -> None:
        """Writes `{"pid": .., <protocol>: <address>}`. Raises SettingsError when the file cannot be written."""
        if self._path is None:
            return
        unfinished = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            unfinished.write_text(json.dumps({"pid": os.getpid(), **addresses}) + "\n", encoding="utf-8")
            unfinished.replace(self._path)
        except OSError as error:
            raise SettingsError(f"--ready-file: cannot write {self._path}: {error.strerror or error}") from error

    def remove(self) -> None:
        """Takes the file away again; it is no error when somebody else has."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
