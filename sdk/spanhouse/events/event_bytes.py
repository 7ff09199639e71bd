"""Events as OTLP log records: the stream is the record's EventName, and the event is kept twice.

Its keys are attributes, so that filters, groups and indexes see them; and the whole is JSON in the body, of which
readers make what was put: types, nesting, nulls. `@time` and `@id` belong to the record, so neither is in them. The
server's `POST /api/v1/events` writes the same.
"""

import json
from collections.abc import Iterable, Mapping
from time import time_ns
from typing import Any

from spanhouse.correlation import current_ids
from spanhouse.events.errors import InvalidEvent
from spanhouse.events.event_times import event_time
from spanhouse_exporter import record_bytes, scope_fields, wire

SCOPE = scope_fields("spanhouse.events")
TIME, ID = "@time", "@id"
_ATTRIBUTE = 6
_LONGEST_SHOWN = 80
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encoded_events(events_of: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, list[bytes]]:
    """A record for each event of `{stream: [event, ..]}`. Raises InvalidEvent before anything has been done with them.

    Events that say no time are a nanosecond apart, so that they stay in order; all are of the span that is current.
    """
    given: Any = events_of
    if not isinstance(given, Mapping):
        raise InvalidEvent(f"put takes {{stream: [event, ..]}}, not {_shown(given)}")
    now_ns, ids = time_ns(), current_ids()
    found: dict[str, list[bytes]] = {}
    for stream, events in given.items():
        if not isinstance(stream, str) or not stream:
            raise InvalidEvent(f"a stream's name is text, and not empty: {_shown(stream)}")
        if isinstance(events, Mapping | str | bytes) or not isinstance(events, Iterable):
            raise InvalidEvent(f"{stream}: {_shown(events)} is not a list of events")
        records = found[stream] = []
        for index, event in enumerate(events):
            try:
                records.append(_encoded(stream, event, now_ns, ids))
            except (TypeError, ValueError, RecursionError) as error:
                raise InvalidEvent(f"{stream}, event {index}: {error}") from error
            now_ns += 1
    return found


def _encoded(stream: str, event: Mapping[str, Any], now_ns: int, ids: bytes) -> bytes:
    if not isinstance(event, Mapping):
        raise TypeError(f"{_shown(event)} is not a mapping")
    payload: dict[Any, Any] = {key: value for key, value in event.items() if key not in (TIME, ID)}
    wrong = [key for key in payload if not isinstance(key, str)]
    if wrong:
        raise TypeError(f"the key {wrong[0]!r} is not text")
    at = event.get(TIME)
    parts = [
        record_bytes.times(now_ns if at is None else event_time(at), now_ns),
        record_bytes.event_name(stream),
        record_bytes.body(_dumps(payload)),
        *[_attribute(key, value) for key, value in payload.items() if value is not None],
        ids,
    ]
    return record_bytes.joined(parts)


def _attribute(key: str, value: Any) -> bytes:
    if isinstance(value, str):
        value = str.__str__(value)  # of an enumeration's member what JSON has of it, too
    elif not isinstance(value, int | float):
        value = _dumps(value)
    return wire.key_value(_ATTRIBUTE, key, value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
