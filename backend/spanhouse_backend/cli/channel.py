"""The way to a server: plain or TLS by how it is written, with the token and the certificate of whoever asks.

A token comes from a file or from the environment, never from the command line, where every user of the machine could
read it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click
import grpc

from spanhouse_backend.access.token_file import open_to_others
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.listen import is_loopback
from spanhouse_backend.namespace import HEADER, parse_namespace
from spanhouse_backend.settings import Address

Command = TypeVar("Command", bound=Callable[..., Any])
TOKEN_VARIABLE = "SPANHOUSE_TOKEN"  # noqa: S105 - the variable's name
# A trace of 10,000 spans with long attributes is larger than the 4 MiB that gRPC takes by default.
_MAX_ANSWER_BYTES = 256 * 1024 * 1024
_OPTIONS = [("grpc.max_receive_message_length", _MAX_ANSWER_BYTES)]
_SCHEMES = {"": False, "http": False, "https": True, "grpcs": True}


class Server(NamedTuple):
    """Where a server answers, and whether in TLS."""

    address: Address
    tls: bool

    @classmethod
    def parse(cls, text: str, option: str) -> "Server":
        """Reads HOST:PORT or https://HOST:PORT. Raises SettingsError naming `option`."""
        scheme, slashes, rest = text.rpartition("://")
        if bool(slashes) != bool(scheme) or scheme not in _SCHEMES:
            raise SettingsError(f"{option}: {text!r} is not HOST:PORT or https://HOST:PORT")
        return cls(Address.parse(rest.removesuffix("/") if scheme else rest, option), _SCHEMES[scheme])

    def __str__(self) -> str:
        return f"https://{self.address}" if self.tls else str(self.address)


class Identity(NamedTuple):
    """What a command shows a server, and whom it believes: PEM files, a token and a namespace, '' for none."""

    token: str = ""
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    namespace: str = ""

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """What goes with every call."""
        token = [("authorization", f"Bearer {self.token}")] if self.token else []
        return token + ([(HEADER, self.namespace)] if self.namespace else [])


def identity_options(command: Command) -> Command:
    """Adds the options that an Identity is read from; `command` is given them as `read_identity` takes them."""

    def file(name: str, says: str) -> Callable[[Command], Command]:
        environment = f"SPANHOUSE_{name.upper().replace('-', '_')}"
        path = click.Path(dir_okay=False, path_type=Path)
        return click.option(f"--{name}", metavar="FILE", type=path, envvar=environment, show_envvar=True, help=says)

    for option in (
        click.option(
            "--namespace",
            metavar="NAME",
            default="",
            envvar="SPANHOUSE_NAMESPACE",
            show_envvar=True,
            help="Ask about this namespace of the server.  [default: your token's, or the one without a name]",
        ),
        file("client-key", "The key of --client-cert (PEM)."),
        file("client-cert", "The certificate to show a server that asks for one (PEM)."),
        file("ca", "Whom to believe that a server is who it says (PEM).  [default: the system's authorities]"),
        file("token-file", f"The file that holds your token.  [default: the variable {TOKEN_VARIABLE} is the token]"),
    ):
        command = option(command)
    return command


def read_identity(
    token_file: Path | None, ca: Path | None, client_cert: Path | None, client_key: Path | None, namespace: str = ""
) -> Identity:
    """Raises SettingsError, naming the option, when a token cannot be read or half of a pair is missing."""
    namespace = parse_namespace(namespace, "--namespace") if namespace else ""
    if bool(client_cert) != bool(client_key):
        raise SettingsError("--client-cert and --client-key go together: give both")
    token = _read_token(token_file) if token_file else os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        source = f"--token-file: {token_file}" if token_file else TOKEN_VARIABLE
        raise SettingsError(f"{source} does not hold a token: it is one line, as `spanhouse token add` prints it")
    return Identity(token, ca, client_cert, client_key, namespace)


def open_channel(server: Server, identity: Identity) -> grpc.Channel:
    """A channel to be closed by the caller. Raises SettingsError, naming the option, when a file cannot be read."""
    if server.tls:
        channel = grpc.secure_channel(str(server.address), _credentials(identity), _OPTIONS)
    else:
        channel = grpc.insecure_channel(str(server.address), _OPTIONS)
    if not identity.metadata:
        return channel
    if identity.token and not server.tls and not is_loopback(server.address.host):
        click.echo(f"Warning: the token travels to {server} in the clear; write https://{server} for TLS", err=True)
    return grpc.intercept_channel(channel, _Metadata(identity.metadata))


def _read_token(path: Path) -> str:
    try:
        if open_to_others(path.stat()):
            click.echo(f"Warning: others can read {path}: chmod 600 {path}", err=True)
        return path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"--token-file: {path} does not hold a token") from error
    except OSError as error:
        raise SettingsError(f"--token-file: cannot read {path}: {error.strerror or error}") from error


def _credentials(identity: Identity) -> grpc.ChannelCredentials:
    def content(path: Path | None, option: str) -> bytes | None:
        try:
            return path.read_bytes() if path else None
        except OSError as error:
            raise SettingsError(f"{option}: cannot read {path}: {error.strerror or error}") from error

    return grpc.ssl_channel_credentials(
        content(identity.ca, "--ca"),
        content(identity.client_key, "--client-key"),
        content(identity.client_cert, "--client-cert"),
    )


class _CallDetails(NamedTuple):
    """gRPC's call details are an interface; this one can be made."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Metadata(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Sends these with every call; gRPC's own way to send a token works inside TLS only."""

    def __init__(self, metadata: list[tuple[str, str]]) -> None:
        self._metadata = metadata

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_metadata(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_metadata(client_call_details), request)

    def _with_metadata(self, details: Any) -> grpc.ClientCallDetails:
        metadata = [*(details.metadata or ()), *self._metadata]
        made = _CallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready, details.compression
        )
        return cast("grpc.ClientCallDetails", made)
