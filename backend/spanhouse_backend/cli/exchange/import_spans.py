"""`spanhouse import`: spans from files, the way that all spans come in.

They are sent as OTLP, so they are checked, counted and stored like any others, and a request that was stored is known
again: what an interrupted import has stored already is not stored twice by the next.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanhouse_backend.cli.client import Where, call, where_options
from spanhouse_backend.cli.exchange.otlp_lines import line, requests
from spanhouse_backend.cli.exchange.parquet import ParquetError, read_parquet
from spanhouse_backend.cli.exchange.sending import Sender, Sent, say_imported
from spanhouse_backend.cli.files import opened
from spanhouse_backend.cli.output import format_option
from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.otlp_json import traces_to_protobuf
from spanhouse_backend.ingest.signals import TRACES

_EXAMPLES = """\b
Examples:
  spanhouse import spans.parquet
  spanhouse import errors.jsonl more.jsonl --server 127.0.0.1:4317
  zcat checkout.jsonl.gz | spanhouse import -
"""


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

    def send(channel: grpc.Channel) -> Sent:
        sender = Sender(channel, TRACES)
        for file in files:
            with opened(file) as source:
                for request in _requests(file, source):
                    sender.send(request, _spans(request))
        return sender.settled()

    say_imported(call(where._replace(makes=True), send), form, "span")


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
