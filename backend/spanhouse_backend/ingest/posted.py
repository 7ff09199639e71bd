"""What came of a body of records that were posted: OTLP requests of the good ones, and what is wrong with the others.

One record that cannot be taken is no reason to lose the others: each is noted with its place and what is wrong with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spanhouse_backend.ingest.framing import NO_LIMIT, Window
from spanhouse_backend.ingest.log_writer import LogRequest

MAX_PROBLEMS = 1000
"""So many are described, and all are counted."""


class BadRecord(Exception):
    """A record that cannot be taken: `key` is its key that is at fault, '' for all of it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key
        self.problem = problem


Write = Callable[[LogRequest, dict[str, Any], str, int], int]
"""(request, record, service, arrival) -> the record's time in Unix nanoseconds.

Adds a record, which is used up, to the request; `service` is that of a record which names none, and `arrival` the time
in Unix nanoseconds of one which says none. Raises BadRecord, and ValueError for what JSON cannot have.
"""


class Place(NamedTuple):
    """Where in a body a record is: its line from 1 in NDJSON, its index from 0 in a list; None where nobody knows.

    `stream` is what an event is of, '' for other records.
    """

    number: int | None
    stream: str = ""


class Problem(NamedTuple):
    """Why the record at `place` was not taken; `key` is what is at fault in it, '' for all of it."""

    place: Place
    key: str
    problem: str


NOWHERE = Place(None)


@dataclass
class Posted:
    """What came of a body that arrived at `arrived_ns`, whose records are of `service` unless they say another.

    A large body is several requests, so that storing each takes no more than one may: of about `request_bytes`, and cut
    at the same records whenever the same body comes.
    """

    service: str
    arrived_ns: int
    request_bytes: int = NO_LIMIT
    requests: list[LogRequest] = field(default_factory=list)
    taken: list[tuple[int, Place]] = field(default_factory=list)
    """Time in Unix nanoseconds and place of each record that is in a request."""
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, record: Any, write: Write) -> None:
        """Takes what is at `place` with `write`, or notes why not.

        Those that say no time are a nanosecond apart, so that they stay in their order.
        """
        if type(record) is not dict:
            self.refuse(place, "", "it is not an object")
            return
        if not self.requests or self.requests[-1].size >= self.request_bytes:
            self.requests.append(LogRequest())
        at_ns = self.arrived_ns + len(self.taken)
        try:
            time_ns = write(self.requests[-1], record, self.service, at_ns)
        except BadRecord as error:
            self.refuse(place, error.key, error.problem)
        except ValueError as error:
            self.refuse(place, "", str(error))
        except RecursionError:
            self.refuse(place, "", "it is nested too deeply")
        else:
            self.taken.append((time_ns, place))

    def refuse(self, place: Place, key: str, problem: str) -> None:
        """Notes a record that is not taken."""
        self.refused += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(place, key, problem))

    def refused_by_time(self, window: Window, count: int, reason: str) -> None:
        """Notes what the store refused: `count` records, those that were not made within `window`."""
        within = [(time_ns, place) for time_ns, place in self.taken if _within(time_ns, window)]
        if len(self.taken) - len(within) == count:
            places = [place for time_ns, place in self.taken if not _within(time_ns, window)]
            self.taken = within
        else:  # the window has moved on since
            places = [NOWHERE] * count
            del self.taken[:count]
        for place in places:
            self.refuse(place, "", reason)


def _within(time_ns: int, window: Window) -> bool:
    return window.earliest_ns <= time_ns and (not window.latest_ns or time_ns <= window.latest_ns)
