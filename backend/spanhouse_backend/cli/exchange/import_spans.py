"""`spanhouse import`: spans from files, the way that all spans come in.

They are sent as OTLP, so they are checked, counted and stored like any others, and a request that was stored is known
again: what an interrupted import has stored already is not stored twice by the next.
"""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import click
import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from spanhouse_backend.cli.client import TIMEOUT_SECONDS, Where, call, where_options
from spanhouse_backend.cli.exchange.otlp_lines import line, requests
from spanhouse_backend.cli.exchange.parquet import ParquetError, read_parquet
from spanhouse_backend.cli.output import count, format_option, write_csv, write_json
from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.otlp_json import traces_to_protobuf
from spanhouse_backend.ingest.signals import TRACES

_EXAMPLES = """\b
Examples:
  spanhouse import spans.parquet
  spanhouse import errors.jsonl more.jsonl --server 127.0.0.1:4317
  zcat checkout.jsonl.gz | spanhouse import -
"""
# Requests on their way at once: what waits together is stored together.
_UNDER_WAY = 8
# A server that has too much to do says so, and is asked again for this long.
_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 1.0

_Answering: TypeAlias = "grpc.Future[ExportTraceServiceResponse]"


class Imported(NamedTuple):
    """How many spans were sent, and how many of these were refused one by one, with the reason of some of them."""

    spans: int = 0
    refused: int = 0
    reason: str = ""


@click.command("import", epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@format_option
@where_options
def import_spans(files: tuple[str, ...], form: str, where: Where) -> None:
    """Store the spans of FILES as if they were sent now.

    Files whose names end in .parquet have the columns of the table otel_traces; all others, and - for standard input,
    have a request of OTLP in its JSON encoding on each line. Importing the same file again within a day stores nothing
    twice; spans that other requests brought are not recognised. What is older than spans are kept for (spanhouse
    retention) is gone at once.
    """

    def send(channel: grpc.Channel) -> Imported:
        sender = _Sender(channel)
        for file in files:
            with _opened(file) as source:
                for request in _requests(file, source):
                    sender.send(request)
        return sender.settled()

    imported = call(where._replace(makes=True), send)
    if form == "json":
        write_json(imported._asdict())
    elif form == "csv":
        write_csv(Imported._fields, [imported])
    else:
        click.echo(f"Imported {count(imported.spans - imported.refused, 'span')}.")
    if imported.refused:
        raise click.ClickException(f"{count(imported.refused, 'span was', 'spans were')} refused: {imported.reason}")


class _Sender:
    """Sends requests, a few at a time, and adds up what became of them."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._export: grpc.UnaryUnaryMultiCallable[bytes, ExportTraceServiceResponse] = channel.unary_unary(
            f"/{TRACES.service}/Export", response_deserializer=ExportTraceServiceResponse.FromString
        )
        self._under_way: deque[tuple[bytes, _Answering]] = deque()
        self._imported = Imported()

    def send(self, request: bytes) -> None:
        """Sends it once there is room. Raises grpc.RpcError."""
        if len(self._under_way) == _UNDER_WAY:
            self._settle()
        self._under_way.append((request, self._export.future(request, timeout=TIMEOUT_SECONDS)))

    def settled(self) -> Imported:
        """What came of all that was sent. Raises grpc.RpcError."""
        while self._under_way:
            self._settle()
        return self._imported

    def _settle(self) -> None:
        request, future = self._under_way.popleft()
        partial = self._answer(request, future).partial_success
        known, spans = self._imported, _spans(request)
        self._imported = Imported(
            known.spans + spans, known.refused + partial.rejected_spans, known.reason or partial.error_message
        )

    def _answer(self, request: bytes, future: _Answering) -> ExportTraceServiceResponse:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = future.result()
            except grpc.RpcError as error:
                code = error.code()
                if code is not grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > until:
                    raise
                time.sleep(_RETRY_SECONDS)
                future = self._export.future(request, timeout=TIMEOUT_SECONDS)
            else:
                return answer


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as source:
        yield source


def _requests(file: str, source: BinaryIO) -> Iterator[bytes]:
    """The file's spans as OTLP requests in protobuf. Raises click.ClickException saying where it is none."""
    number = 0
    try:
        lines = map(line, requests(read_parquet(source))) if Path(file).suffix == ".parquet" else source
        for number, text in enumerate(lines, 1):  # noqa: B007 - for what is said of a line that is none
            if text.strip():
                yield traces_to_protobuf(text)
    except ParquetError as error:
        raise click.ClickException(f"{file} is no Parquet file with the columns of otel_traces: {error}") from error
    except MalformedData as error:
        raise click.ClickException(f"{file}, line {number}: this is no OTLP request: {error}") from error


def _spans(request: bytes) -> int:
    message = ExportTraceServiceRequest.FromString(request)
    return sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)
