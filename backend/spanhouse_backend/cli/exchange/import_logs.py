"""`spanhouse import-logs`: log records and events from lines of JSON, made into what posting them makes of them.

A file is read piece by piece, so it may be larger than memory and than what a server takes at once. A line that cannot
be taken is named, and does not keep the others from being stored.
"""

import functools
import time
from collections.abc import Iterator
from typing import BinaryIO

import click
import grpc

from spanhouse_backend.cli.client import Where, call, where_options
from spanhouse_backend.cli.exchange.sending import Sender, Sent, say_imported
from spanhouse_backend.cli.files import opened
from spanhouse_backend.cli.output import format_option
from spanhouse_backend.ingest.posted import Posted, Write
from spanhouse_backend.ingest.posted_bodies import MAX_LINE_BYTES, read_ndjson
from spanhouse_backend.ingest.posted_events import add_event
from spanhouse_backend.ingest.posted_record import add_record
from spanhouse_backend.ingest.signals import LOGS

_EXAMPLES = """\b
Examples:
  spanhouse import-logs app.ndjson --service app
  spanhouse import-logs clicks.ndjson --stream shop.clicks
  tail -n 1000 app.log | spanhouse import-logs - --raw --service app
"""
# What one request is made of: large enough to be stored quickly, far below what any server takes.
_PIECE_BYTES = 1 << 20


@click.command("import-logs", epilog=_EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--service", metavar="SERVICE", default="", help="The service of records that name none.")
@click.option("--stream", metavar="STREAM", default="", help="The lines are events, of this stream.")
@click.option("--raw", is_flag=True, help="A line that is no object of JSON is the message of a record.")
@format_option
@where_options
def import_logs(files: tuple[str, ...], service: str, stream: str, raw: bool, form: str, where: Where) -> None:
    """Store the log records of FILES, one of JSON on each line, as if they were posted now; - is standard input.

    docs/records.md says what becomes of a record. Importing the same file again within a day stores nothing twice, if
    its records say their times. What is older than logs are kept for (spanhouse retention) is gone at once.
    """
    if stream and raw:
        raise click.UsageError("--stream and --raw exclude each other: an event is an object of JSON")
    write: Write = functools.partial(add_event, stream) if stream else add_record

    def send(channel: grpc.Channel) -> Sent:
        sender = Sender(channel, LOGS)
        refused, reason = 0, ""
        for file in files:
            began_ns = time.time_ns()
            with opened(file) as source:
                for before, piece in _pieces(source):
                    posted = Posted(service, began_ns + before)
                    read_ndjson(piece, posted, raw=raw, write=write)
                    refused += posted.refused
                    reason = reason or _first_problem(file, before, posted)
                    if posted.taken:
                        (request,) = posted.requests
                        sender.send(request.to_bytes(), len(posted.taken))
        sent = sender.settled()
        return Sent(sent.records + refused, sent.refused + refused, reason or sent.reason)

    say_imported(call(where._replace(makes=True), send), form, "record")


def _pieces(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Whole lines, with the number of those before them. A line that is too long for a record is cut off."""
    before = number = 0
    piece = bytearray()
    while line := source.readline(MAX_LINE_BYTES + 2):
        piece += line
        if not line.endswith(b"\n"):
            while (rest := source.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                continue
            piece += b"\n"
        number += 1
        if len(piece) >= _PIECE_BYTES:
            yield before, bytes(piece)
            before, piece = number, bytearray()
    if piece:
        yield before, bytes(piece)


def _first_problem(file: str, before: int, posted: Posted) -> str:
    for problem in posted.problems[:1]:
        line = before + (problem.place.number or 0)
        return f"{file}, line {line}: {f'{problem.key}: ' if problem.key else ''}{problem.problem}"
    return ""
