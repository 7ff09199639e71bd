"""Events as log records: the stream is the record's EventName, and the event is kept twice.

Its top-level keys are attributes, so that filters, groups and indexes see them; and its JSON is the body, from which
readers restore types and nesting. `@time` and `@id` belong to the record and not to the event, so neither is in them.
"""

import functools
from typing import Any

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.json_values import shown
from spanhouse_backend.ingest.log_writer import UNKNOWN_SERVICE, LogRequest, json_text
from spanhouse_backend.ingest.posted import BadRecord, Place, Posted
from spanhouse_backend.ingest.posted_bodies import decode_json
from spanhouse_backend.ingest.posted_times import posted_time

SCOPE = "spanhouse.events"
TIME, ID = "@time", "@id"


def read_events(body: bytes, posted: Posted) -> None:
    """`{stream: [event, ..], ..}`. Raises MalformedData when that is not what it is."""
    streams = decode_json(body)
    if type(streams) is not dict:
        raise MalformedData("not {stream: [event, ..], ..}: it is not an object")
    for stream, events in streams.items():
        if not stream:
            raise MalformedData("a stream's name is empty")
        if type(events) is not list:
            raise MalformedData(f"{shown(stream)}: {shown(events)} is not a list of events")
        write = functools.partial(add_event, stream)
        for index, event in enumerate(events):
            posted.add(Place(index, stream), event, write)


def add_event(stream: str, request: LogRequest, event: dict[str, Any], service: str, put_ns: int) -> int:
    """As posted.Write says, for an event of `stream`.

    An `@id` is left out: it is what a reader is told, and what was read can be put again.
    """
    event.pop(ID, None)
    given = event.pop(TIME, None)
    try:
        time_ns = put_ns if given is None else posted_time(given)
    except ValueError as error:
        raise BadRecord(TIME, str(error)) from None
    request.add(
        service or UNKNOWN_SERVICE,
        SCOPE,
        time_ns,
        observed=given is None,
        body=json_text(event),
        attributes=event,
        event_name=stream,
    )
    return time_ns
