"""Requests of OTLP to a server, a few under way at a time, and what became of the records in them."""

import time
from collections import deque
from typing import Any, NamedTuple, TypeAlias

import click
import grpc

from spanhouse_backend.cli.client import TIMEOUT_SECONDS
from spanhouse_backend.cli.output import count, write_csv, write_json
from spanhouse_backend.ingest.signals import Signal

# Requests on their way at once: what waits together is stored together.
_UNDER_WAY = 8
# A server that has too much to do says so, and is asked again for this long.
_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 1.0

_Answering: TypeAlias = "grpc.Future[Any]"


class Sent(NamedTuple):
    """How many records were sent, and how many of these were refused one by one, with the reason of some of them."""

    records: int = 0
    refused: int = 0
    reason: str = ""


def say_imported(sent: Sent, form: str, record: str) -> None:
    """What was imported, in the format that was asked for. Raises click.ClickException where some was refused."""
    if form == "json":
        write_json({f"{record}s": sent.records, "refused": sent.refused, "reason": sent.reason})
    elif form == "csv":
        write_csv((f"{record}s", "refused", "reason"), [sent])
    else:
        click.echo(f"Imported {count(sent.records - sent.refused, record)}.")
    if sent.refused:
        raise click.ClickException(f"{count(sent.refused, f'{record} was', f'{record}s were')} refused: {sent.reason}")


class Sender:
    """Sends requests of a signal over a channel, and adds up what became of them."""

    def __init__(self, channel: grpc.Channel, signal: Signal) -> None:
        answer = signal.taken()
        self._export: grpc.UnaryUnaryMultiCallable[bytes, Any] = channel.unary_unary(
            f"/{signal.service}/Export", response_deserializer=answer.FromString
        )
        self._under_way: deque[tuple[bytes, int, _Answering]] = deque()
        self._sent = Sent()

    def send(self, request: bytes, records: int) -> None:
        """Sends a request of so many records once there is room. Raises grpc.RpcError."""
        if len(self._under_way) == _UNDER_WAY:
            self._settle()
        self._under_way.append((request, records, self._export.future(request, timeout=TIMEOUT_SECONDS)))

    def settled(self) -> Sent:
        """What came of all that was sent. Raises grpc.RpcError."""
        while self._under_way:
            self._settle()
        return self._sent

    def _settle(self) -> None:
        request, records, future = self._under_way.popleft()
        partial = self._answer(request, future).partial_success
        # rejected_spans, rejected_log_records, ..: the first field of each.
        rejected = getattr(partial, partial.DESCRIPTOR.fields_by_number[1].name)
        known = self._sent
        self._sent = Sent(known.records + records, known.refused + rejected, known.reason or partial.error_message)

    def _answer(self, request: bytes, future: _Answering) -> Any:
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return future.result()
            except grpc.RpcError as error:
                code = error.code()
                if code is not grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > until:
                    raise
                time.sleep(_RETRY_SECONDS)
                future = self._export.future(request, timeout=TIMEOUT_SECONDS)
