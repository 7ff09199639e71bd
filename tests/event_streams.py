"""Server-sent events as a client reads them: a real connection, kept open for as long as the block lasts."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from harness import PATIENCE_SECONDS


class Event(NamedTuple):
    """One event; `id` is "" when it has none."""

    name: str
    data: Any
    id: str


class Stream:
    """Events in the order in which they are sent."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.last_id = ""

    def __iter__(self) -> Iterator[Event]:
        """Until the server ends the stream; fails when no event has come for PATIENCE_SECONDS, heartbeats or not."""
        fields: dict[str, str] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        for line in self._lines:
            assert time.monotonic() < deadline, "nothing was told"
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
                continue
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
            fields = {}

    def until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        """Reads on until what was read is enough."""
        found: list[Event] = []
        while not enough(found):
            found.append(next(iter(self)))
        return found

    def spans(self, number: int) -> list[dict[str, Any]]:
        """The next so many spans."""
        return [event.data for event in self.until(lambda found: len(found) == number)]


@contextmanager
def watching(http: str, *, last_event_id: str = "", **parameters: str) -> Iterator[Stream]:
    """A stream that has begun: what is stored from now on will be on it."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with (
        httpx.Client(timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", f"http://{http}/api/v1/live", params=parameters, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        yield Stream(response)
