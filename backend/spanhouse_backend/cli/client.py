"""Asking: the --server and --data options, one call over gRPC, and what to tell the user when it fails.

A data directory is asked through a server that lives for one question, so that there is one way to ask.
"""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import click
import grpc

from spanhouse_backend.errors import InvalidQuestion, SettingsError, SpanhouseError, StoreHeld
from spanhouse_backend.query.wire import STORE_FAILED
from spanhouse_backend.settings import Address, read_settings
from spanhouse_proto.query_pb2_grpc import QueryStub

Answer = TypeVar("Answer")
Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_SERVER = "127.0.0.1:4317"
TIMEOUT_SECONDS = 30.0
HELD_PATIENCE_SECONDS = 10.0
# A trace of 10,000 spans with long attributes is larger than the 4 MiB that gRPC takes by default.
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


def _check_server(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return str(Address.parse(value, "--server")) if value else None
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


class Where(NamedTuple):
    """Whom to ask: a server, a data directory, or (neither) whichever of the usual ones has something to say."""

    server: str | None
    data: str | None


def where_options(command: Command) -> Command:
    """Adds --server and --data, which `command` is given as one `where`."""

    @functools.wraps(command)
    def with_where(*args: Any, server: str | None, data: str | None, **others: Any) -> Any:
        if server and data:
            raise click.UsageError("--server and --data exclude each other: ask a server, or read a directory")
        return command(*args, where=Where(server, data), **others)

    server_option = click.option(
        "--server",
        metavar="HOST:PORT",
        envvar="SPANHOUSE_SERVER",
        show_envvar=True,
        callback=_check_server,
        help=f"Ask the server whose gRPC address this is.  [default: {DEFAULT_SERVER}, else the data directory]",
    )
    data_option = click.option(
        "--data",
        metavar="DIR",
        envvar="SPANHOUSE_DATA",
        show_envvar=True,
        help="Without a server: read this data directory, and take in what clients left in the spool.  "
        "[default: the one `spanhouse serve` uses]",
    )
    return cast("Command", server_option(data_option(with_where)))


def usage_error(error: InvalidQuestion) -> click.UsageError:
    """The usage error, exit code 2, for a parameter that was written as an option."""
    return click.BadParameter(error.pointed, param_hint=f"--{error.parameter}")


def ask(where: Where, question: Callable[[QueryStub], Answer]) -> Answer:
    """Lets `question` make one call and returns its answer.

    Raises click.ClickException, exit code 1, with what went wrong and what to do about it.
    """
    if where.server:
        return _ask_server(where.server, question)
    if where.data is None:
        # Whoever runs a server wants its answer; only when there is none is it worth a second to open the data.
        with contextlib.suppress(_NoServerError):
            return _ask_server(DEFAULT_SERVER, question)
    return _ask_directory(where.data or "", question)


def _ask_server(server: str, question: Callable[[QueryStub], Answer]) -> Answer:
    options = [("grpc.max_receive_message_length", _MAX_ANSWER_BYTES)]
    with grpc.insecure_channel(server, options=options) as channel:
        try:
            return question(QueryStub(channel))
        except grpc.RpcError as error:
            # grpc's synchronous calls raise what is both the error and the finished call.
            raise _explain(server, cast("grpc.Call", error)) from error


def _ask_directory(data: str, question: Callable[[QueryStub], Answer]) -> Answer:
    settings = read_settings({"data": data, "spool": os.environ.get("SPANHOUSE_SPOOL", "")})
    if not settings.data.is_dir() and not (settings.spool and settings.spool.is_dir()):
        raise click.ClickException(
            f"no server answers at {DEFAULT_SERVER}, and nothing is kept in {settings.data}: capture something first, "
            "start a server with `spanhouse serve`, or name another with --server or --data"
        )
    click.echo(f"No server is asked: reading {settings.data}", err=True)
    # Loading the engine takes longer than asking a server does.
    from spanhouse_backend.server import ask_once  # noqa: PLC0415

    patience = time.monotonic() + HELD_PATIENCE_SECONDS
    while True:
        try:
            return asyncio.run(ask_once(settings, lambda address: _ask_server(address, question)))
        except StoreHeld as error:
            if error.grpc:
                return _ask_server(error.grpc, question)
            # Another command that reads the directory is done in a second; a server would have said where it is.
            if time.monotonic() > patience:
                raise click.ClickException(str(error)) from error
            time.sleep(0.1)
        except SpanhouseError as error:
            raise click.ClickException(str(error)) from error


class _NoServerError(click.ClickException):
    """Nothing listens there, or not what we look for."""


def _explain(server: str, call: Any) -> click.ClickException:
    code, details = call.code(), call.details()
    if code is grpc.StatusCode.NOT_FOUND:
        return click.ClickException(str(details))
    if code is grpc.StatusCode.UNAVAILABLE and STORE_FAILED not in (call.trailing_metadata() or ()):
        return _NoServerError(
            f"no server answers at {server}: start one with `spanhouse serve`, or name another with --server"
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return _NoServerError(f"what answers at {server} is not spanhouse, or is an older one: {details}")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return click.ClickException(
            f"the server at {server} did not answer within {TIMEOUT_SECONDS:.0f} s: ask for less, or try again"
        )
    return click.ClickException(f"the server at {server} cannot answer: {details} ({code.name})")
