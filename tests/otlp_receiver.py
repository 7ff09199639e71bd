"""A real OTLP/gRPC receiver on a loopback port, decoding with the official classes, for the client's tests."""

import threading
from collections.abc import Callable, Iterable
from concurrent import futures
from contextlib import contextmanager
from time import monotonic

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_TRACES = "opentelemetry.proto.collector.trace.v1.TraceService"
_LOGS = "opentelemetry.proto.collector.logs.v1.LogsService"


class Receiver:
    """What arrived. `respond` may return response bytes or abort through the gRPC context."""

    def __init__(self, respond: Callable[[bytes, grpc.ServicerContext], bytes]) -> None:
        self.respond = respond
        self.raw: list[bytes] = []
        self.raw_logs: list[bytes] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.port = 0
        self._arrived = threading.Condition()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(raw) for raw in self.raw]

    @property
    def spans(self) -> list:
        return spans_in(self.raw)

    def named(self, suffix: str) -> list:
        """Spans whose name ends so."""
        return [span for span in self.spans if span.name.endswith(suffix)]

    @property
    def log_requests(self) -> list[ExportLogsServiceRequest]:
        return [ExportLogsServiceRequest.FromString(raw) for raw in self.raw_logs]

    @property
    def records(self) -> list:
        """Log records."""
        return records_in(self.raw_logs)

    def bodies(self) -> list:
        """What the log records say, sorted."""
        return sorted(value(record.body) for record in self.records)

    def resource(self) -> dict:
        return attributes(self.requests[-1].resource_spans[0].resource)

    def wait_for(self, count: int, seconds: float = 20) -> None:
        """Returns when that many spans have arrived; fails when they do not."""
        give_up = monotonic() + seconds
        with self._arrived:
            while len(self.spans) < count:
                assert self._arrived.wait(give_up - monotonic()), f"{len(self.spans)} of {count} spans arrived"

    def wait_for_records(self, count: int, seconds: float = 20) -> None:
        """The same for log records."""
        give_up = monotonic() + seconds
        with self._arrived:
            while len(self.records) < count:
                assert self._arrived.wait(give_up - monotonic()), f"{len(self.records)} of {count} records arrived"

    def handle(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return self._take(self.raw, request, context)

    def handle_logs(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return self._take(self.raw_logs, request, context)

    def _take(self, raw: list[bytes], request: bytes, context: grpc.ServicerContext) -> bytes:
        response = self.respond(request, context)
        with self._arrived:
            raw.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            self._arrived.notify_all()
        return response


def ask_to_wait(context: grpc.ServicerContext, code: grpc.StatusCode, seconds: float) -> None:
    """OTLP, "OTLP/gRPC Throttling": the details with which `context` is refused, with RetryInfo."""
    retry = RetryInfo()
    retry.retry_delay.FromNanoseconds(int(seconds * 1e9))
    status = Status(code=code.value[0])
    status.details.add().Pack(retry)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def spans_in(requests: Iterable[bytes]) -> list:
    """The spans of encoded requests."""
    return [
        span
        for raw in requests
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def records_in(requests: Iterable[bytes]) -> list:
    """The log records of encoded requests."""
    return [
        record
        for raw in requests
        for resource in ExportLogsServiceRequest.FromString(raw).resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def attributes(message) -> dict:
    """KeyValues as a dict of Python values."""
    return {pair.key: value(pair.value) for pair in message.attributes}


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    content = getattr(any_value, kind)
    if kind == "array_value":
        return [value(item) for item in content.values]
    if kind == "kvlist_value":
        return {pair.key: value(pair.value) for pair in content.values}
    return content


@contextmanager
def receiving(
    respond: Callable[[bytes, grpc.ServicerContext], bytes] = lambda _request, _context: b"", port=0, *, logs=True
):
    """A receiver, listening; without `logs` it has the traces' service only, and gRPC answers UNIMPLEMENTED."""
    receiver = Receiver(respond)
    services = {_TRACES: receiver.handle, **({_LOGS: receiver.handle_logs} if logs else {})}
    with futures.ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads, options=[("grpc.max_receive_message_length", 64 << 20)])
        for service, handle in services.items():
            methods = {"Export": grpc.unary_unary_rpc_method_handler(handle)}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        receiver.port = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        try:
            yield receiver
        finally:
            server.stop(grace=0.2).wait()
