"""Clients that send more than a server can take, as fast as they can, and keep account of every answer.

Each has a connection of its own and does not wait as it is asked to: what it is refused it gives up, and sends the
next.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import grpc
import httpx
from google.rpc import error_details_pb2, status_pb2
from harness import EXPORT, EXPORT_LOGS, PATIENCE_SECONDS, ServerProcess
from otlp_over_http import JSON, PATH, headers_of, status_of
from otlp_requests import log_request, request
from wire_bombs import field

from spanhouse_backend.ingest.admission import MAX_RETRY_SECONDS

# Half as much again is added at random.
LONGEST_DELAY_SECONDS = 1.5 * MAX_RETRY_SECONDS
_CHANNEL = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.max_send_message_length", -1)]
_NAME = "service.name"


class Answer(NamedTuple):
    """`status` is gRPC's or HTTP's; `retry_seconds` is None where the answer does not ask to come again."""

    service: str
    status: object
    retry_seconds: float | None
    seconds: float

    @property
    def taken(self) -> bool:
        return self.status in (grpc.StatusCode.OK, 200)

    @property
    def refused(self) -> bool:
        """For now, and told when to come again."""
        return (
            self.status in (grpc.StatusCode.RESOURCE_EXHAUSTED, 429)
            and self.retry_seconds is not None
            and 1 <= self.retry_seconds <= LONGEST_DELAY_SECONDS
        )


class Account:
    """Everything that was answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.spans: dict[str, int] = {}  # of every request that was sent, by service

    def stored(self, signal: str) -> dict[str, int]:
        """How many spans or log records each service has that must be stored."""
        return {answer.service: self.spans[answer.service] for answer in self._of(signal) if answer.taken}

    def statuses(self, signal: str) -> Counter[str]:
        return Counter(str(answer.status) for answer in self._of(signal))

    def _of(self, signal: str) -> list[Answer]:
        return [answer for answer in list(self.answers) if answer.service.startswith(signal)]

    def unexpected(self) -> list[Answer]:
        """What was neither taken nor refused as it should have been."""
        return [answer for answer in self.answers if not answer.taken and not answer.refused]


Send = Callable[[str], Answer]


class Bodies:
    """Requests of `spans` spans each, all alike but for their service: encoding them costs nothing."""

    signal = "traces"
    method = EXPORT

    def __init__(self, spans: int) -> None:
        self.spans = spans
        self._scopes = field(2, self._scope(spans))

    def _scope(self, spans: int) -> bytes:
        (resource_spans,) = request("", [1000] * spans, attributes={}).resource_spans
        return resource_spans.scope_spans[0].SerializeToString()

    def protobuf(self, service: str) -> bytes:
        name = field(1, field(1, _NAME.encode()) + field(2, field(1, service.encode())))
        return field(1, field(1, name) + self._scopes)

    def json(self, service: str) -> bytes:
        now = time.time_ns()
        span = (
            b'{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"json","kind":1,'
            b'"startTimeUnixNano":"%d","endTimeUnixNano":"%d"}' % (now, now + 1000)
        )
        return b'{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[%s]}]}]}' % (
            b'{"key":"service.name","value":{"stringValue":"%s"}}' % service.encode(),
            b",".join([span] * self.spans),
        )


class LogBodies(Bodies):
    """The same of log records, also as the lines of JSON that /api/v1/record takes."""

    signal = "logs"
    method = EXPORT_LOGS

    def _scope(self, spans: int) -> bytes:
        (resource_logs,) = log_request("", ["x"] * spans).resource_logs
        return resource_logs.scope_logs[0].SerializeToString()

    def lines(self, service: str) -> bytes:
        line = b'{"service":"%s","message":"x","level":20,"created":%.6f}' % (service.encode(), time.time())
        return b"\n".join([line] * self.spans)


@contextmanager
def grpc_sender(server: ServerProcess, bodies: Bodies) -> Iterator[Send]:
    """Sends over one gRPC connection."""
    with grpc.insecure_channel(server.grpc, options=_CHANNEL) as channel:
        call = channel.unary_unary(bodies.method)

        def send(service: str) -> Answer:
            begun = time.monotonic()
            try:
                call(bodies.protobuf(service), timeout=2 * PATIENCE_SECONDS)
            except grpc.RpcError as error:
                return Answer(service, error.code(), _retry_info(error), time.monotonic() - begun)
            return Answer(service, grpc.StatusCode.OK, None, time.monotonic() - begun)

        yield send


@contextmanager
def http_sender(server: ServerProcess, bodies: Bodies, media_type: str) -> Iterator[Send]:
    """Sends over one HTTP connection at a time."""
    make = bodies.json if media_type == JSON else bodies.protobuf
    with httpx.Client(
        base_url=f"http://{server.http}", headers=headers_of(media_type), timeout=2 * PATIENCE_SECONDS
    ) as client:

        def send(service: str) -> Answer:
            begun = time.monotonic()
            try:
                response = client.post(PATH, content=make(service))
            except httpx.WriteError:
                # Refused, and closed, before the body was through: the answer is lost with the connection.
                return Answer(service, 429, 1, time.monotonic() - begun)
            retry = None
            if response.status_code == 429:
                status = status_of(response.content, media_type)
                info = error_details_pb2.RetryInfo()
                if status.details and status.details[0].Unpack(info):
                    assert response.headers["Retry-After"] == str(info.retry_delay.seconds)
                    retry = float(info.retry_delay.seconds)
            return Answer(service, response.status_code, retry, time.monotonic() - begun)

        yield send


@contextmanager
def lines_sender(server: ServerProcess, bodies: LogBodies) -> Iterator[Send]:
    """Posts records line by line, over one HTTP connection at a time."""
    headers = {"Content-Type": "application/x-ndjson"}
    with httpx.Client(base_url=f"http://{server.http}", headers=headers, timeout=2 * PATIENCE_SECONDS) as client:

        def send(service: str) -> Answer:
            begun = time.monotonic()
            try:
                response = client.post("/api/v1/record", content=bodies.lines(service))
            except httpx.WriteError:
                return Answer(service, 429, 1, time.monotonic() - begun)  # as above
            retry = response.headers.get("Retry-After")
            status = 200 if response.status_code == 201 else response.status_code
            return Answer(service, status, float(retry) if retry else None, time.monotonic() - begun)

        yield send


def _retry_info(error: grpc.RpcError) -> float | None:
    trailers = dict(error.trailing_metadata() or ())  # type: ignore[attr-defined]
    status, info = status_pb2.Status(), error_details_pb2.RetryInfo()
    status.ParseFromString(trailers.get("grpc-status-details-bin", b""))
    if not status.details or not status.details[0].Unpack(info):
        return None
    return info.retry_delay.ToMilliseconds() / 1000


class Client(threading.Thread):
    """Sends requests, one after the other, until it is told to stop."""

    _numbers = itertools.count()

    def __init__(self, account: Account, stop: threading.Event, sender, bodies: Bodies, *sender_arguments) -> None:
        super().__init__()
        self._account, self._stop_event, self._bodies = account, stop, bodies
        self._sender, self._arguments = sender, sender_arguments
        self._name = f"{bodies.signal}-{next(self._numbers)}"

    def run(self) -> None:
        with self._sender(self._arguments[0], self._bodies, *self._arguments[1:]) as send:
            for number in itertools.count():
                if self._stop_event.is_set():
                    return
                service = f"{self._name}-{number}"
                self._account.spans[service] = self._bodies.spans
                self._account.answers.append(send(service))
