"""How the REST API says no: {"error": {"parameter": .., "message": ..}} under the status that fits, in one place.

Statuses are those that google.rpc.Code gives for what gRPC answers (query_grpc.py), so that both faces agree.
"""

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from spanhouse_backend.errors import (
    BackupRefused,
    ClientGone,
    InvalidQuestion,
    Overloaded,
    QuestionTooLarge,
    QuestionTooSlow,
    SpanhouseError,
    StatementFailed,
    StoreUnavailable,
)

RETRY_SECONDS = 1
"""When somebody may ask again who was refused because too many wait, or the store does not answer."""
_MOST_IN_HEADER = 1000
_STATUSES: dict[type[SpanhouseError], int] = {
    InvalidQuestion: 400,
    BackupRefused: 409,
    StatementFailed: 400,
    QuestionTooLarge: 400,
    Overloaded: 429,
    ClientGone: 499,  # nginx's; nobody reads it but our own metrics
    QuestionTooSlow: 504,
}
_OTHERWISE = 503


class Problem(BaseModel):
    """What is wrong, with which parameter if with one, and at which column of it if that is known."""

    parameter: str | None
    message: str
    column: int | None = None


class Failure(BaseModel):
    """The body of every answer that is not 200."""

    error: Problem


def failure(status: int, message: str, parameter: str | None = None, column: int | None = None) -> JSONResponse:
    """A refusal in these words."""
    problem = Problem(parameter=parameter, message=message)
    if column is not None:
        problem.column = column
    body = Failure(error=problem).model_dump(exclude_unset=True)
    headers = {"Cache-Control": "no-store", "X-Error-Message": _in_header(message)}
    if parameter:
        headers["X-Error-Parameter"] = _in_header(parameter)
    return JSONResponse(body, status, headers)


def _in_header(message: str) -> str:
    """The words for who asked with HEAD: on one line, in ASCII, and short enough for any proxy."""
    return " ".join(message.split()).encode("ascii", "backslashreplace").decode()[:_MOST_IN_HEADER]


def failure_of(error: SpanhouseError) -> JSONResponse:
    """The answer to who asked for what failed so."""
    status = _STATUSES.get(type(error), _OTHERWISE)
    if isinstance(error, InvalidQuestion):
        return failure(status, str(error), error.parameter, error.column)
    response = failure(status, str(error))
    if isinstance(error, Overloaded | StoreUnavailable):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


async def failure_of_route(_request: Request, error: Exception) -> JSONResponse:
    """What the application answers itself, such as 404 and 405, in the form that all refusals have."""
    if not isinstance(error, HTTPException):
        raise error
    response = failure(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response
