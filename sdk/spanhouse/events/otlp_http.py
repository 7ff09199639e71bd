"""One OTLP request of log records over HTTP: how it is sent, and what its answer says.

The server that is asked is the one that is put to, so both use one address, one token and one set of certificates.
"""

from typing import NamedTuple

from spanhouse.query.asking import Request, Response, content
from spanhouse.query.errors import QueryError, TimedOut, Unauthorized, Unavailable
from spanhouse_exporter import envelope, wire

_PATH = "/v1/logs"
_PROTOBUF = {"Content-Type": "application/x-protobuf"}
_OK, _TOO_LARGE = 200, 413
_STATUS_MESSAGE = 2
"""google.rpc.Status.message, which errors of OTLP/HTTP are ("OTLP/HTTP Response", "Failures")."""
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}
_ERRORS: dict[int, type[QueryError]] = {
    401: Unauthorized,
    403: Unauthorized,
    408: TimedOut,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: TimedOut,
}


class Refusal(NamedTuple):
    """A response that acknowledges nothing."""

    code: str
    """The gRPC code that says the same; of those that OTLP has sent again, one that is sent again."""
    error: QueryError
    retry_delay: float | None


def request_of(body: bytes) -> Request:
    """The request that puts these bytes of an ExportLogsServiceRequest."""
    return Request("POST", _PATH, body, _PROTOBUF)


def refusal(response: Response) -> Refusal | None:
    """Why the request was not taken; None when it was."""
    status = response.status
    if status == _OK:
        return None
    message = _message(content(response)) or f"HTTP {status}"
    if status == _TOO_LARGE:
        message = f"larger than the server takes: {message}"  # by these words a pipeline knows that halves may do
    pause = response.headers.get("retry-after", "")
    return Refusal(
        code=_CODES.get(status, "UNKNOWN"),
        error=_ERRORS.get(status, QueryError)(message),
        retry_delay=float(pause) if pause.isdecimal() else None,
    )


def refused_items(response: Response) -> tuple[int, str]:
    """(how many records of a request that was taken were refused, why)."""
    try:
        return envelope.partial_success(content(response))
    except ValueError:
        return 0, ""  # taken all the same, by something that is not quite a receiver


def _message(body: bytes) -> str:
    try:
        found = dict(wire.fields(body)).get(_STATUS_MESSAGE, b"")
    except ValueError:
        found = body[:200]
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
