"""How OTLP/HTTP says no: a google.rpc.Status in the request's own encoding, under an HTTP status.

The statuses are the specification's (opentelemetry-proto, docs/specification.md, "OTLP/HTTP Response") and, where it is
silent, the OpenTelemetry Collector's. A client sends again after 429, 502, 503 and 504 and after nothing else.
"""

from collections.abc import Mapping
from enum import Enum

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.responses import Response


class Encoding(Enum):
    """What requests and their answers are written in, by media type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"

    @classmethod
    def of(cls, content_type: str) -> "Encoding | None":
        """The encoding that a Content-Type header names, whatever its parameters; None for any other."""
        media_type = content_type.partition(";")[0].strip().lower()
        return next((encoding for encoding in cls if encoding.value == media_type), None)

    def response(self, message: Message, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """An HTTP response that holds `message`."""
        if self is Encoding.PROTOBUF:
            content = message.SerializeToString()
        else:
            # int64 as strings, as OTLP has it; an empty message is {}.
            content = json_format.MessageToJson(message, indent=None).encode()
        return Response(content, status, {**(headers or {}), "Content-Type": self.value})


class Refused(Exception):
    """A request that is answered with an error. `status` is HTTP's, and one of `_CODES`.

    `retry_after_seconds` asks the client to send it again then; `field` is what is wrong in the request, if one is.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after_seconds: int | None = None,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.field = field
        self.headers = dict(headers or {})

    def response(self, encoding: Encoding) -> Response:
        """The answer, with the details that the specification asks for: BadRequest, or RetryInfo and Retry-After."""
        status = status_pb2.Status(code=_CODES[self.status], message=self.message)
        headers = self.headers
        if self.retry_after_seconds is not None:
            headers = {**headers, "Retry-After": str(self.retry_after_seconds)}
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.seconds = self.retry_after_seconds
            status.details.add().Pack(retry)
        elif self.status == BAD_DATA:
            violation = error_details_pb2.BadRequest.FieldViolation(field=self.field, description=self.message)
            status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        return encoding.response(status, self.status, headers)


BAD_DATA = 400
_CODES = {
    BAD_DATA: code_pb2.INVALID_ARGUMENT,
    401: code_pb2.UNAUTHENTICATED,
    403: code_pb2.PERMISSION_DENIED,
    404: code_pb2.UNIMPLEMENTED,
    405: code_pb2.UNIMPLEMENTED,
    408: code_pb2.DEADLINE_EXCEEDED,
    413: code_pb2.RESOURCE_EXHAUSTED,
    415: code_pb2.INVALID_ARGUMENT,
    429: code_pb2.RESOURCE_EXHAUSTED,
    500: code_pb2.INTERNAL,
    503: code_pb2.UNAVAILABLE,
}
