"""What putting events can raise beside what asking can (`spanhouse.query`).

InvalidEvent (a SpanhouseError, a ValueError)   something that is no event; nothing of that put was sent
EventsRefused (a QueryError)                    the server took the request, and refused some events of it
"""

from spanhouse.errors import SpanhouseError
from spanhouse.query.errors import QueryError


class InvalidEvent(SpanhouseError, ValueError):
    """Something that cannot be an event; the text says which one of which stream, and why."""


class EventsRefused(QueryError):
    """The server has refused `refused` of the events of a put, and stored the others; the text is the server's."""

    def __init__(self, message: str, refused: int) -> None:
        super().__init__(message)
        self.refused = refused
