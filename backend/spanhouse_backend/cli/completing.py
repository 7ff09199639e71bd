"""What a shell offers after TAB: names of services, functions, metrics and streams, from a server that answers at once.

Whoever presses TAB waits, so a server that is slow, away, or wants a token that is not there means that nothing is
offered, and nothing is said.
"""

import json
from contextlib import suppress

import click
import grpc
from click.shell_completion import CompletionItem

from spanhouse_backend.cli.channel import Server, open_channel, read_identity
from spanhouse_backend.cli.client import DEFAULT_SERVER
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.query.parameters import MAX_LIMIT
from spanhouse_proto.query_pb2 import AskRequest
from spanhouse_proto.query_pb2_grpc import QueryStub

PATIENCE_SECONDS = 0.2
# Which question has the values of a parameter, by the names that options and arguments have; and in which column.
_SOURCES = {"service": ("services", "service"), "name": ("functions", "name"), "stream": ("streams", "name")}
# What has a name for these commands.
_OF_METRICS = frozenset({"metric", "metrics"})


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What the value of this parameter may be that begins like this."""
    question, column = _SOURCES.get((parameter.name or "").removeprefix("bare_"), ("", ""))
    if not question:
        return []
    if question == "functions" and context.command.name in _OF_METRICS:
        question = "metrics"
    texts = {"limit": str(MAX_LIMIT)}
    if column == "name" and (service := context.params.get("service")):
        texts["service"] = service
    found: set[str] = set()
    with suppress(grpc.RpcError, SettingsError, ValueError):
        server = Server.parse(context.params.get("server") or DEFAULT_SERVER, "--server")
        given = context.params.get
        identity = read_identity(
            given("token_file"), given("ca"), given("client_cert"), given("client_key"), given("namespace") or ""
        )
        with open_channel(server, identity) as channel:
            answer = QueryStub(channel).Ask(AskRequest(question=question, parameters=texts), timeout=PATIENCE_SECONDS)
            found = {row[column] for message in answer for row in json.loads(message.rows or "[]")}
    return [CompletionItem(name) for name in sorted(found) if name.startswith(incomplete) and name.isprintable()]
