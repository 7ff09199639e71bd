"""Errors as ClickHouse's clients know them: a code, `Code: N. DB::Exception: .. (NAME)`, and the HTTP status of it."""

import re
from collections.abc import Callable
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

# ClickHouse's numbers and names, src/Common/ErrorCodes.cpp.
BAD_ARGUMENTS, NOT_IMPLEMENTED, SYNTAX_ERROR, UNKNOWN_FORMAT, UNKNOWN_DATABASE = 36, 48, 62, 73, 81
UNKNOWN_SETTING, TIMEOUT_EXCEEDED, READONLY, REQUIRED_PASSWORD = 115, 159, 164, 194
TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, SOCKET_TIMEOUT = 202, 216, 209
SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED, AUTHENTICATION_FAILED, QUERY_IS_TOO_LARGE = 452, 497, 516, 223
INCORRECT_DATA, UNKNOWN_COMPRESSION_METHOD, QUERY_WAS_CANCELLED, HTTP_LENGTH_REQUIRED = 117, 89, 394, 381
CANNOT_SCHEDULE_TASK, BAD_QUERY_PARAMETER, INVALID_SESSION_TIMEOUT = 439, 457, 374
_NAMES = {number: name for name, number in globals().items() if isinstance(number, int) and name.isupper()}
# As src/Server/HTTP/exceptionCodeToHTTPStatus.cpp has it, and 503 for what is worth trying again.
_STATUSES: dict[int, int] = {
    **dict.fromkeys((6, 36, 427, 25, 26, 38, 41, 72, 27, 441, 442, 376, 15, 44, 8, 10, 224), 400),
    **dict.fromkeys((62, 117, 53, 321, 69, 168, 167, 456, 457), 400),
    **dict.fromkeys((60, 46, 47, 50, 56, 81, 115, 63, 73, 336, 78, 511), 404),
    **dict.fromkeys((192, 193, 516, 497, 512), 403),
    REQUIRED_PASSWORD: 401,
    QUERY_IS_TOO_LARGE: 413,
    NOT_IMPLEMENTED: 501,
    UNKNOWN_COMPRESSION_METHOD: 501,
    HTTP_LENGTH_REQUIRED: 411,
    TIMEOUT_EXCEEDED: 408,
    TOO_MANY_SIMULTANEOUS_QUERIES: 503,
    SOCKET_TIMEOUT: 503,
    CANNOT_SCHEDULE_TASK: 503,
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
        if self.code == REQUIRED_PASSWORD:
            headers["WWW-Authenticate"] = 'Basic realm="spanhouse", charset="UTF-8"'
        return PlainTextResponse(encoded(f"{self}\n".encode()), self.status, headers)


class Refused(SpanhouseError):
    """A request that is answered with this trouble."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.trouble = Trouble(code, _NAMES[code], reason)


def trouble_of(error: SpanhouseError) -> Trouble:
    """The trouble that an error of ours is."""
    if isinstance(error, Refused):
        return error.trouble
    if isinstance(error, StatementFailed):
        return _of_engine(str(error), error.code)
    if isinstance(error, InvalidQuestion):
        return _of_question(error)
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), BAD_ARGUMENTS)
    return Trouble(code, _NAMES[code], str(error))


_CODES: dict[type[SpanhouseError], int] = {
    Overloaded: TOO_MANY_SIMULTANEOUS_QUERIES,
    ClientGone: QUERY_WAS_CANCELLED,
    StoreUnavailable: CANNOT_SCHEDULE_TASK,
}


def _of_question(error: InvalidQuestion) -> Trouble:
    """What the guard refuses; or what the engine's parser said of a statement, whose code is in the cause."""
    cause = error.__cause__
    if isinstance(cause, StatementFailed) and cause.code is not None:
        names = re.findall(r"\([A-Z][A-Z0-9_]+\)", str(cause))
        return _of_engine(f"{error.problem} {names[-1] if names else ''}", cause.code)
    if error.parameter.startswith("param_"):
        return Trouble(BAD_QUERY_PARAMETER, _NAMES[BAD_QUERY_PARAMETER], str(error))
    return Trouble(ACCESS_DENIED, _NAMES[ACCESS_DENIED], error.problem)


def _of_engine(message: str, code: int | None) -> Trouble:
    name = ""
    while match := _ENDS_WITH.search(message):
        name = match["name"] or name
        message = message[: match.start()]
    code = BAD_ARGUMENTS if code is None else code
    return Trouble(code, name or _NAMES.get(code, "UNKNOWN_EXCEPTION"), message)
