"""Errors as ClickHouse's clients know them: a code, `Code: N. DB::Exception: .. (NAME)`, and the HTTP status of it."""

import re
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from starlette.responses import PlainTextResponse, Response

from spanhouse_backend.errors import (
    ClientGone,
    InvalidQuestion,
    Overloaded,
    SpanhouseError,
    StatementFailed,
    StoreUnavailable,
)


class Code(IntEnum):
    """ClickHouse's numbers for what goes wrong here, src/Common/ErrorCodes.cpp."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_FORMAT = 73
    UNKNOWN_DATABASE = 81
    UNKNOWN_COMPRESSION_METHOD = 89
    INCORRECT_DATA = 117
    TIMEOUT_EXCEEDED = 159
    REQUIRED_PASSWORD = 194
    TOO_MANY_SIMULTANEOUS_QUERIES = 202
    SOCKET_TIMEOUT = 209
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
    QUERY_IS_TOO_LARGE = 223
    INVALID_SESSION_TIMEOUT = 374
    QUERY_WAS_CANCELLED = 394
    CANNOT_SCHEDULE_TASK = 439
    SETTING_CONSTRAINT_VIOLATION = 452
    BAD_QUERY_PARAMETER = 457
    ACCESS_DENIED = 497
    AUTHENTICATION_FAILED = 516


# As src/Server/HTTP/exceptionCodeToHTTPStatus.cpp has it, and 503 for what is worth trying again.
_STATUSES: dict[int, int] = {
    **dict.fromkeys((6, 36, 427, 25, 26, 38, 41, 72, 27, 441, 442, 376, 15, 44, 8, 10, 224), 400),
    **dict.fromkeys((62, 117, 53, 321, 69, 168, 167, 456, 457), 400),
    **dict.fromkeys((60, 46, 47, 50, 56, 81, 115, 63, 73, 336, 78, 511), 404),
    **dict.fromkeys((192, 193, 516, 497, 512), 403),
    Code.REQUIRED_PASSWORD: 401,
    Code.QUERY_IS_TOO_LARGE: 413,
    Code.NOT_IMPLEMENTED: 501,
    Code.UNKNOWN_COMPRESSION_METHOD: 501,
    Code.TIMEOUT_EXCEEDED: 408,
    Code.TOO_MANY_SIMULTANEOUS_QUERIES: 503,
    Code.SOCKET_TIMEOUT: 503,
    Code.CANNOT_SCHEDULE_TASK: 503,
}
_OTHERWISE = 500
_RETRY_SECONDS = "1"
# What the engine ends its messages with: the error's name, its own version.
_ENDS_WITH = re.compile(r"\s*\((?:(?P<name>[A-Z][A-Z0-9_]+)|version [^()]*(?:\([^()]*\))?)\)[.\s]*$")


class Trouble(NamedTuple):
    """What went wrong: ClickHouse's number for it, its name, and the reason in words."""

    code: int
    name: str
    reason: str

    @property
    def status(self) -> int:
        """Of the HTTP answer."""
        return _STATUSES.get(self.code, _OTHERWISE)

    def __str__(self) -> str:
        end = "" if self.reason.endswith((".", "!", "?")) else "."
        return f"Code: {self.code}. DB::Exception: {self.reason}{end} ({self.name})"

    def response(self, encoded: Callable[[bytes], bytes] = bytes) -> Response:
        """The whole answer, its body encoded."""
        headers = {"X-ClickHouse-Exception-Code": str(self.code), "Cache-Control": "no-store"}
        if self.status == 503:  # noqa: PLR2004  # Service Unavailable
            headers["Retry-After"] = _RETRY_SECONDS
        if self.code == Code.REQUIRED_PASSWORD:
            headers["WWW-Authenticate"] = 'Basic realm="spanhouse", charset="UTF-8"'
        return PlainTextResponse(encoded(f"{self}\n".encode()), self.status, headers)


class Refused(SpanhouseError):
    """A request that is answered with this trouble."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.trouble = Trouble(code, code.name, reason)


def trouble_of(error: SpanhouseError) -> Trouble:
    """The trouble that an error of ours is."""
    if isinstance(error, Refused):
        return error.trouble
    if isinstance(error, StatementFailed):
        return _of_engine(str(error), error.code)
    if isinstance(error, InvalidQuestion):
        return _of_question(error)
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), Code.BAD_ARGUMENTS)
    return Trouble(code, code.name, str(error))


_CODES: dict[type[SpanhouseError], Code] = {
    Overloaded: Code.TOO_MANY_SIMULTANEOUS_QUERIES,
    ClientGone: Code.QUERY_WAS_CANCELLED,
    StoreUnavailable: Code.CANNOT_SCHEDULE_TASK,
}


def _of_question(error: InvalidQuestion) -> Trouble:
    """What the guard refuses; or what the engine's parser said of a statement, whose code is in the cause."""
    cause = error.__cause__
    if isinstance(cause, StatementFailed) and cause.code is not None:
        names = re.findall(r"\([A-Z][A-Z0-9_]+\)", str(cause))
        return _of_engine(f"{error.problem} {names[-1] if names else ''}", cause.code)
    if error.parameter.startswith("param_"):
        return Trouble(Code.BAD_QUERY_PARAMETER, Code.BAD_QUERY_PARAMETER.name, str(error))
    return Trouble(Code.ACCESS_DENIED, Code.ACCESS_DENIED.name, error.problem)


def _of_engine(message: str, code: int | None) -> Trouble:
    name = ""
    while match := _ENDS_WITH.search(message):
        name = match["name"] or name
        message = message[: match.start()]
    code = Code.BAD_ARGUMENTS if code is None else code
    return Trouble(code, name or "UNKNOWN_EXCEPTION", message)
