"""Asking a server: the --server option, one call over gRPC, and what to tell the user when it fails."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import click
import grpc

from spanhouse_backend.errors import InvalidQuestion, SettingsError
from spanhouse_backend.query.wire import STORE_FAILED
from spanhouse_backend.settings import Address
from spanhouse_proto.query_pb2_grpc import QueryStub

Answer = TypeVar("Answer")
TIMEOUT_SECONDS = 30.0
# A trace of 10,000 spans with long attributes is larger than the 4 MiB that gRPC takes by default.
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


def _check_server(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return str(Address.parse(value, "--server"))
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


server_option = click.option(
    "--server",
    metavar="HOST:PORT",
    envvar="SPANHOUSE_SERVER",
    show_envvar=True,
    default="127.0.0.1:4317",
    show_default=True,
    callback=_check_server,
    help="Ask the server whose gRPC address this is.",
)


def usage_error(error: InvalidQuestion) -> click.UsageError:
    """The usage error, exit code 2, for a parameter that was written as an option."""
    return click.BadParameter(error.problem, param_hint=f"--{error.parameter}")


def ask(server: str, question: Callable[[QueryStub], Answer]) -> Answer:
    """Lets `question` make one call and returns its answer.

    Raises click.ClickException, exit code 1, with what went wrong and what to do about it.
    """
    options = [("grpc.max_receive_message_length", _MAX_ANSWER_BYTES)]
    with grpc.insecure_channel(server, options=options) as channel:
        try:
            return question(QueryStub(channel))
        except grpc.RpcError as error:
            # grpc's synchronous calls raise what is both the error and the finished call.
            raise click.ClickException(_explain(server, cast("grpc.Call", error))) from error


def _explain(server: str, call: Any) -> str:
    code, details = call.code(), call.details()
    if code is grpc.StatusCode.NOT_FOUND:
        return f"{details} at {server}"
    if code is grpc.StatusCode.UNAVAILABLE and STORE_FAILED not in (call.trailing_metadata() or ()):
        return f"no server answers at {server}: start one with `spanhouse serve`, or name another with --server"
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"what answers at {server} is not spanhouse, or is an older one: {details}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the server at {server} did not answer within {TIMEOUT_SECONDS:.0f} s: ask for less, or try again"
    return f"the server at {server} cannot answer: {details} ({code.name})"
