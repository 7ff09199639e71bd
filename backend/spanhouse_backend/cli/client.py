"""Asking: the --server and --data options, one call over gRPC, and what to tell the user when it fails.

A data directory is asked through a server that lives for one question, so that there is one way to ask.
"""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click
import grpc

from spanhouse_backend.cli.channel import (
    TOKEN_VARIABLE,
    Identity,
    Server,
    identity_options,
    open_channel,
    read_identity,
)
from spanhouse_backend.errors import InvalidQuestion, SettingsError, SpanhouseError, StoreHeld
from spanhouse_backend.namespace import kept_namespaces
from spanhouse_backend.query.wire import COLUMN, PARAMETER, STORE_FAILED
from spanhouse_backend.settings import read_settings
from spanhouse_proto.admin_pb2_grpc import AdminStub
from spanhouse_proto.query_pb2_grpc import QueryStub

Answer = TypeVar("Answer")
Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_SERVER = "127.0.0.1:4317"
TIMEOUT_SECONDS = 30.0
HELD_PATIENCE_SECONDS = 10.0
"""How long one process may have a data directory before whoever waits for it gives up."""


def _check_server(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return str(Server.parse(value, "--server")) if value else None
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


class Where(NamedTuple):
    """Whom to ask: a server, a data directory, or (neither) whichever of the usual ones has something to say."""

    server: str | None
    data: str | None
    identity: Identity = Identity()
    # Whether it has been said already that a directory is read.
    said: bool = False
    # Whether a directory that is not there is to be made, to keep something in it.
    makes: bool = False


def where_options(command: Command) -> Command:
    """Adds --server, --data, and what a server is shown; `command` is given them as one `where`."""

    @functools.wraps(command)
    def with_where(
        *args: Any,
        server: str | None,
        data: str | None,
        token_file: Path | None,
        ca: Path | None,
        client_cert: Path | None,
        client_key: Path | None,
        namespace: str,
        **others: Any,
    ) -> Any:
        if server and data:
            raise click.UsageError("--server and --data exclude each other: ask a server, or read a directory")
        try:
            identity = read_identity(token_file, ca, client_cert, client_key, namespace)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        return command(*args, where=Where(server, data, identity), **others)

    server_option = click.option(
        "--server",
        metavar="HOST:PORT",
        envvar="SPANHOUSE_SERVER",
        show_envvar=True,
        callback=_check_server,
        help="Ask the server whose gRPC address this is; https://HOST:PORT when it speaks TLS.  "
        f"[default: {DEFAULT_SERVER}, else the data directory]",
    )
    data_option = click.option(
        "--data",
        metavar="DIR",
        envvar="SPANHOUSE_DATA",
        show_envvar=True,
        help="Without a server: read this data directory, and take in what clients left in the spool.  "
        "[default: the one `spanhouse serve` uses]",
    )
    return cast("Command", server_option(data_option(identity_options(with_where))))


def usage_error(error: InvalidQuestion) -> click.UsageError:
    """The usage error, exit code 2, for a parameter that was written as an option."""
    return click.BadParameter(error.pointed, param_hint=f"--{error.parameter.replace('_', '-')}")


class RefusedError(click.ClickException):
    """The server found something wrong with what was asked that only it can find: in which parameter, and where.

    `column` is 0 when it does not say.
    """

    exit_code = 2

    def __init__(self, problem: str, parameter: str = "", column: int = 0) -> None:
        super().__init__(problem)
        self.parameter = parameter
        self.column = column


def ask(where: Where, question: Callable[[QueryStub], Answer]) -> Answer:
    """Lets `question` make its calls and returns its answer.

    Raises click.ClickException, exit code 1, with what went wrong and what to do about it.
    """
    return call(where, lambda channel: question(QueryStub(channel)))


def ask_admin(where: Where, question: Callable[[AdminStub], Answer]) -> Answer:
    """The same for what an administrator asks."""
    return call(where, lambda channel: question(AdminStub(channel)))


def call(where: Where, question: Callable[[grpc.Channel], Answer]) -> Answer:
    """The same for calls of any service of the server."""
    if where.server:
        return _ask_server(where.server, where.identity, question)
    if where.data is None:
        # Whoever runs a server wants its answer; only when there is none is it worth a second to open the data.
        with contextlib.suppress(NoServerError):
            return _ask_server(DEFAULT_SERVER, where.identity, question)
    return _ask_directory(where, question)


def _ask_server(server: str, identity: Identity, question: Callable[[grpc.Channel], Answer]) -> Answer:
    try:
        opened = open_channel(Server.parse(server, "--server"), identity)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    with opened as channel:
        try:
            return question(channel)
        except grpc.RpcError as error:
            # grpc's synchronous calls raise what is both the error and the finished call.
            raise _explain(server, cast("grpc.Call", error)) from error


def _ask_directory(where: Where, question: Callable[[grpc.Channel], Answer]) -> Answer:
    namespace = where.identity.namespace
    given = {"data": where.data or "", "spool": os.environ.get("SPANHOUSE_SPOOL", ""), "namespaces": namespace}
    settings = read_settings(given)
    if not where.makes and not settings.data.is_dir() and not (settings.spool and settings.spool.is_dir()):
        raise click.ClickException(
            f"no server answers at {DEFAULT_SERVER}, and nothing is kept in {settings.data}: capture something first, "
            "start a server with `spanhouse serve`, or name another with --server or --data"
        )
    if namespace and namespace not in kept_namespaces(settings.data):
        raise click.ClickException(f"--namespace: there is no namespace {namespace} in {settings.data}")
    if not where.said:
        click.echo(f"No server is asked: reading {settings.data}", err=True)
    # Loading the engine takes longer than asking a server does.
    from spanhouse_backend.logs import configure_logs  # noqa: PLC0415
    from spanhouse_backend.server import ask_once  # noqa: PLC0415

    configure_logs("text", "warning")

    patience, holder = time.monotonic() + HELD_PATIENCE_SECONDS, 0
    while True:
        try:
            return asyncio.run(
                ask_once(settings, lambda address: _ask_server(address, Identity(namespace=namespace), question))
            )
        except StoreHeld as error:
            if error.grpc:
                return _ask_server(error.grpc, where.identity, question)
            # Another command that reads the directory is done in a second or, on a busy machine, in several; a server
            # would have said where it is. Of many commands each has its turn, however long that takes them together.
            if error.pid and error.pid != holder:
                patience, holder = time.monotonic() + HELD_PATIENCE_SECONDS, error.pid
            if time.monotonic() > patience:
                raise click.ClickException(str(error)) from error
            time.sleep(0.1)
        except SpanhouseError as error:
            raise click.ClickException(str(error)) from error


class NoServerError(click.ClickException):
    """Nothing listens there, or not what we look for."""


def _explain(server: str, call: Any) -> click.ClickException:
    code, details = call.code(), call.details()
    if code is grpc.StatusCode.UNAVAILABLE and STORE_FAILED not in (call.trailing_metadata() or ()):
        return NoServerError(_nobody_at(server, details))
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NoServerError(f"what answers at {server} is not spanhouse, or is an older one: {details}")
    problems = {
        grpc.StatusCode.NOT_FOUND: str(details),
        grpc.StatusCode.DEADLINE_EXCEEDED: f"the server at {server} did not answer within {TIMEOUT_SECONDS:.0f} s: "
        "ask for less, or try again",
        grpc.StatusCode.UNAUTHENTICATED: f"the server at {server} lets in only those who have a token: name the file "
        f"that holds yours with --token-file, or set {TOKEN_VARIABLE} ({details})",
        grpc.StatusCode.PERMISSION_DENIED: f"the server at {server} refuses: {details}",
    }
    named = dict(call.trailing_metadata() or ())
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return RefusedError(str(details), str(named.get(PARAMETER, "")), int(named.get(COLUMN, 0)))
    otherwise = f"the server at {server} cannot answer: {details} ({code.name})"
    return click.ClickException(problems.get(code, otherwise))


def _nobody_at(server: str, details: str) -> str:
    if Server.parse(server, "--server").tls:
        return (
            f"no TLS connection with {server} comes about: --ca says whom to believe, --client-cert and --client-key "
            f"who you are ({details})"
        )
    if "Socket closed" in details:  # gRPC's words for a server that hangs up on plain text
        return f"what answers at {server} hangs up: if it speaks TLS, write https://{server}"
    return f"no server answers at {server}: start one with `spanhouse serve`, or name another with --server"
