"""`spanhouse.EventsClient`: puts events into streams, and reads them back as what they were.

Events are OTLP log records with a name (see `event_bytes`), so everything that knows log records knows them too: the
dashboard, SQL, filters. What is asked is asked through `spanhouse.Client`.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from spanhouse.errors import ConfigurationError
from spanhouse.events.event_bytes import encoded_events
from spanhouse.events.putting import Puts, QueuedPuts, WaitingPuts
from spanhouse.query.client import DEFAULT_TIMEOUT_SECONDS, DEFAULT_URL, Client
from spanhouse.query.errors import TimedOut, Unavailable
from spanhouse.query.exchange import Transport
from spanhouse.runtime import sending_resource
from spanhouse_exporter import ExporterStatus, from_environment
from spanhouse_exporter.settings import spool_directory
from spanhouse_exporter.signals import LOGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from spanhouse.query import Answer, Time
    from spanhouse.query.rows import AggregateRow, EventsAnswer, StreamRow
    from spanhouse_exporter import ExporterSettings

_EVENTS = LOGS._replace(items="events")
_PAGE_EVENTS = 1000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
_CLOSE_SECONDS = 10.0
_DIGEST_LETTERS = 16


class EventsClient:
    """Events of the server at `url`, to put and to get; for any number of threads.

        events = spanhouse.EventsClient("http://127.0.0.1:4318")
        events.put({"shop.clicks": [{"user": 40, "page": {"path": "/tea"}}]})
        for event in events.get("shop.clicks", "1h"):
            print(event["@time"], event["user"])

    With `blocking`, the default, `put` returns when the server has stored the events. Without, it returns at once:
    events wait as bytes, `capacity_bytes` of them at most, and leave within a second; what finds no room is dropped and
    counted, `flush` waits, and what the server cannot take now waits in the spool, in a folder of this server's,
    namespace's and token's own. `namespace` is whose events these are, on a server that has several and no tokens;
    `service` is who puts, the service of the program's spans if not given. The others are those of `Client`. Raises
    ConfigurationError; the methods that ask raise QueryError, or a kind of it.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        namespace: str | None = None,
        blocking: bool = True,
        service: str | None = None,
        capacity_bytes: int | None = None,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        cert: tuple[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        retries: int = 3,
    ) -> None:
        self._service = service
        self._timeout = timeout
        self._client = Client(url, token=token, ca=ca, cert=cert, namespace=namespace, timeout=timeout, retries=retries)
        self._puts: Puts
        if blocking:
            transport = Transport(url, token, ca, cert, retries, namespace)
            self._puts = WaitingPuts(transport, self._resource, timeout)
        else:
            transport = Transport(url, token, ca, cert, 0, namespace)
            settings = _settings(url, namespace, token, capacity_bytes)
            self._puts = QueuedPuts(transport, self._resource, settings)

    def put(self, events: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, int]:
        """Puts events, `{stream: [event, ..], ..}`, and says how many into each stream.

        An event is a mapping of text to what JSON can say. `@time` is when it was (a datetime, ISO 8601, a Unix time),
        the time of the put if not given; an `@id`, as events that were read have, is left out. Raises InvalidEvent
        before anything is sent; a client that blocks also raises EventsRefused, or another QueryError, for what is not
        stored.
        """
        encoded = encoded_events(events)
        self._puts.put([record for records in encoded.values() for record in records])
        return {stream: len(records) for stream, records in encoded.items()}

    def get(
        self,
        stream: str,
        start: Time | None = None,
        end: Time | None = None,
        *,
        order: str = "oldest",
        limit: int | None = None,
        start_id: str | None = None,
        service: str | None = None,
        filter: str | None = None,  # noqa: A002 - the API's word
    ) -> Iterator[dict[str, Any]]:
        """The events of a stream from `start` to before `end`, "oldest" or "newest" first, `limit` of them at most.

        Each is what was put, with `@id` and `@time` (ISO 8601, nine digits). They are asked for page by page as they
        are read. When a connection breaks, or the server is away for less than `timeout` seconds, it goes on where it
        was; a program that begins anew goes on after the `@id` that it gives as `start_id`.
        """
        left, cursor = limit, ""
        while left is None or left > 0:
            many = _PAGE_EVENTS if left is None else min(left, _PAGE_EVENTS)
            answer = self._page(
                stream,
                since=start,
                until=end,
                order=order,
                limit=many,
                after_id=start_id,
                cursor=cursor or None,
                service=service,
                filter=filter,
            )
            for row in answer.rows:
                yield dict(row.event)
            left = None if left is None else left - len(answer.rows)
            cursor = answer.next
            if not cursor:
                return

    def streams(
        self, start: Time | None = None, end: Time | None = None, *, service: str | None = None, limit: int = 1000
    ) -> tuple[StreamRow, ...]:
        """The streams that have events from `start` to before `end`: name, count, first, last, services."""
        return self._client.streams(since=start, until=end, service=service, limit=limit).rows

    def schema(
        self, stream: str, start: Time | None = None, end: Time | None = None, *, events: int = 1000
    ) -> dict[str, Any]:
        """A JSON Schema (2020-12) that the stream's newest `events`, so many of them, are valid by."""
        return dict(self._client.event_schema(stream, since=start, until=end, events=events).json_schema)

    def aggregate(
        self,
        stream: str,
        start: Time | None = None,
        end: Time | None = None,
        *,
        select: str | Sequence[str] | None = None,
        group: str | Sequence[str] | None = None,
        filter: str | None = None,  # noqa: A002 - the API's word
        step: str | None = None,
        order_by: str | None = None,
        limit: int | None = None,
    ) -> Answer[AggregateRow]:
        """Figures of a stream's events: `select` such as "count,avg(attr.amount),p99(attr.amount)", by `group` such as
        "attr.shop" and by `step` of time such as "1h"; docs/queries.md says what else there is to each.
        """
        return self._client.aggregate(
            of="events",
            stream=stream,
            since=start,
            until=end,
            select=select,
            group=group,
            filter=filter,
            step=step,
            order_by=order_by,
            limit=limit,
        )

    def delete(self, stream: str, start: Time, end: Time | None = None) -> int:
        """Deletes the events of a stream from `start` to before `end`, which needs the role admin; says how many."""
        quoted = stream.replace("\\", "\\\\").replace('"', '\\"')
        return self._client.delete_logs(start, until=end, filter=f'event="{quoted}"').deleted

    def flush(self, timeout: float = 10.0) -> bool:
        """Waits until what was put before is stored, in the spool or given up; False when `timeout` seconds passed
        first. A client that blocks has nothing to wait for.
        """
        return self._puts.flush(timeout)

    def status(self) -> ExporterStatus:
        """What became of the events that were put, as of now; the reasons are those of docs/exporter.md."""
        return self._puts.status()

    def close(self, timeout: float = _CLOSE_SECONDS) -> bool:
        """Delivers what waits, within `timeout` seconds, and closes the connections; False when events were lost."""
        self._client.close()
        return self._puts.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _page(self, stream: str, **asked: Any) -> EventsAnswer:
        """One page, asked for again while nobody answers, until the time for one answer has passed."""
        give_up, pause = time.monotonic() + self._timeout, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._client.events(stream, **asked)
            except (Unavailable, TimedOut):
                if time.monotonic() + pause >= give_up:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _resource(self) -> bytes:
        return sending_resource({"service.name": self._service} if self._service else {})


def _settings(url: str, namespace: str | None, token: str | None, capacity_bytes: int | None) -> ExporterSettings:
    given: Any = capacity_bytes
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise ConfigurationError(f"EventsClient(capacity_bytes=...) takes a number of bytes, not {given!r}")
    found = replace(
        from_environment(os.environ, None, LOGS, batched_here=True),
        signal=_EVENTS,
        endpoint=url,
        spool_directory=_spool(url, namespace, token),
        self_metrics=False,  # their names say gRPC
    )
    return found if capacity_bytes is None else replace(found, max_queue_bytes=capacity_bytes)


def _spool(url: str, namespace: str | None, token: str | None) -> Path | None:
    """A folder of its own for each destination: a file does not say for whom it is, and must not reach another."""
    directory = spool_directory(os.environ)
    if directory is None:
        return None
    whose = hashlib.sha256("\n".join((url.rstrip("/"), namespace or "", token or "")).encode()).hexdigest()
    return directory / "events" / whose[:_DIGEST_LETTERS]
