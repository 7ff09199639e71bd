"""What asking a server can raise.

QueryError (a SpanhouseError)
+-- InvalidQuestion   a parameter that makes no sense, by name
+-- NotFound          what was asked for is not stored, or this server has no such question
+-- Unauthorized      no token, a wrong one, or one without the role that this needs
+-- TimedOut          not answered in time: ask for less, or give it more
+-- Unavailable       nobody answers there, or not now
"""

from spanhouse.errors import SpanhouseError


class QueryError(SpanhouseError):
    """A question was not answered; the text is the server's where it gave one."""


class InvalidQuestion(QueryError, ValueError):
    """A parameter that makes no sense.

    `parameter` is its name, None where it is not one that is wrong; `column` is where in its text the trouble is,
    counted from 1, where that is known.
    """

    def __init__(self, message: str, parameter: str | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.column = column


class NotFound(QueryError, LookupError):
    """What was asked for is not stored, or this server has no such question."""


class Unauthorized(QueryError):
    """No token, a wrong one, or one without the role that this needs."""


class TimedOut(QueryError, TimeoutError):
    """Not answered in time: ask for less, or give it more."""


class Unavailable(QueryError, ConnectionError):
    """Nobody answers there, or not now: worth trying again."""
