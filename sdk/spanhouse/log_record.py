"""Records of Python's `logging` as OTLP bytes: a few look-ups and one join, in the thread that logs.

Where a record comes from (file, line, function), its level and its thread repeat, so their bytes are kept; what is left
to encode is the message and what `extra` adds. Names of attributes are those of OpenTelemetry's semantic conventions
("code", "thread", "exception").
"""

from __future__ import annotations

import logging
import traceback
from itertools import islice
from time import time_ns
from typing import TYPE_CHECKING, Any

from spanhouse import attributes, details, severity
from spanhouse.correlation import current_ids
from spanhouse_exporter import record_bytes
from spanhouse_exporter.attribute_cache import AttributeCache, keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanhouse.limits import RecordLimits

_SECOND_NS = 1e9
_MADE = tuple(vars(logging.makeLogRecord({})))
_FIRST, _LAST, _BEFORE_LAST = _MADE[0], _MADE[-1], len(_MADE) - 1
_FIELDS = frozenset(_MADE) | {
    "message",
    "asctime",
    "taskName",
    "otelServiceName",
    "otelSpanID",
    "otelTraceID",
    "otelTraceSampled",
}
"""What every record has (`taskName` from Python 3.12 on), what formatters leave in it, and what OpenTelemetry's
instrumentation of logging gives to all: that is in the record's own columns.
"""
_PLAIN = frozenset({str, int, float, bool})
"""Types of values that need no cleaning."""
_EVENT_NAME = "otel.event.name"
"""In `extra` this makes the record an event, as with OpenTelemetry's own handler."""
_OWN = frozenset(
    {
        "code.file.path",
        "code.function.name",
        "code.line.number",
        "code.stacktrace",
        "exception.message",
        "exception.stacktrace",
        "exception.type",
        "thread.id",
        "thread.name",
        _EVENT_NAME,
    }
)
_USUAL = 5
"""How many of these a record has that tells of no exception."""
# Bound once: each saves a look-up for every record.
_times, _body, _joined = record_bytes.times, record_bytes.body, record_bytes.joined
_Site = tuple[str, int, str | None]
_Thread = tuple[int | None, str | None]


class RecordEncoder:
    """Encodes records; `given` are attributes that all of them get, unless they bring their own of that name.

    Concurrency: the caches are bounded dictionaries whose entries are made equal by whoever comes first, so any thread
    uses them without a lock.
    """

    def __init__(self, given: Mapping[str, object], limits: RecordLimits) -> None:
        self._limits = limits
        self._given, self._refused = attributes.collect(given, limits.max_attributes, limits.max_length)
        self._fixed = _OWN | frozenset(self._given)
        self._cache = AttributeCache((record_bytes.ATTRIBUTE,))
        self._constant = self._encoded(self._given)
        self._severities: dict[tuple[int, str], bytes] = {}
        self._sites: dict[_Site, bytes] = {}
        self._threads: dict[_Thread, bytes] = {}

    def encode(self, record: logging.LogRecord, message: str) -> bytes:
        """One record that says `message`, tag included. Raises what odd contents of a record make Python raise."""
        level = (record.levelno, record.levelname)
        added = _added(record.__dict__)
        parts = [
            _times(int(record.created * _SECOND_NS), time_ns()),
            self._severities.get(level) or self._severity(level),
            _body(message),
        ]
        site: _Site = (record.pathname, record.lineno, record.funcName)
        thread: _Thread = (record.thread, record.threadName)
        if record.exc_info or record.exc_text or record.stack_info or not self._fixed.isdisjoint(added):
            if _EVENT_NAME in added:
                parts.append(record_bytes.event_name(str(added.pop(_EVENT_NAME))))
            own = _of_site(site) | _of_thread(thread) | _of_trouble(record)
            self._append(parts, self._given | own | added, 0)
        else:
            parts.append(self._sites.get(site) or self._site(site))
            parts.append(self._threads.get(thread) or self._thread(thread))
            parts.append(self._constant)
            if added or self._refused:
                self._append(parts, added, _USUAL + len(self._given))
        parts.append(current_ids())
        return _joined(parts)

    def _append(self, parts: list[bytes], found: Mapping[str, object], others: int) -> None:
        """Appends attributes to `parts`, where `others` are already, within the limits."""
        most = self._limits.max_attributes
        room = len(found) if most is None else max(0, most - others)
        dropped = self._refused
        if len(found) > room or "" in found or self._limits.max_length is not None or not _are_plain(found):
            found, more = attributes.collect(found, room, self._limits.max_length)
            dropped += more
        self._cache.append(parts, record_bytes.ATTRIBUTE, found)
        if dropped:
            parts.append(record_bytes.dropped_attributes(dropped))

    def _severity(self, level: tuple[int, str]) -> bytes:
        number, name = level
        encoded = record_bytes.severity(severity.number(number), severity.word(name))
        keep(self._severities, level, encoded)
        return encoded

    def _site(self, site: _Site) -> bytes:
        encoded = self._encoded(_of_site(site))
        keep(self._sites, site, encoded)
        return encoded

    def _thread(self, thread: _Thread) -> bytes:
        encoded = self._encoded(_of_thread(thread))
        keep(self._threads, thread, encoded)
        return encoded

    def _encoded(self, found: Mapping[str, object]) -> bytes:
        parts: list[bytes] = []
        cleaned, _ = attributes.collect(found, None, self._limits.max_length)
        self._cache.append(parts, record_bytes.ATTRIBUTE, cleaned)
        return b"".join(parts)


def _added(fields: Mapping[Any, object]) -> dict[str, object]:
    """What `extra` has added to a record, without what is None; of keys that are no strings, their text."""
    # What a record is made with comes before what is added to it. Where that does not show, all is looked at.
    rest: Iterator[Any] = islice(fields, _BEFORE_LAST, None)
    if next(iter(fields), None) != _FIRST or next(rest, None) != _LAST:
        rest = iter(fields)
    found = {}
    for key in rest:
        if key not in _FIELDS and (value := fields[key]) is not None:
            found[key if isinstance(key, str) else str(key)] = value
    return found


def _are_plain(found: Mapping[str, object]) -> bool:
    return _PLAIN.issuperset(map(type, found.values()))


def _of_site(site: _Site) -> dict[str, object]:
    path, line, function = site
    found: dict[str, object] = {"code.file.path": path, "code.line.number": line, "code.function.name": function}
    return {key: value for key, value in found.items() if value}


def _of_thread(thread: _Thread) -> dict[str, object]:
    """Nothing where `logging.logThreads` is off."""
    ident, name = thread
    found: dict[str, object] = {"thread.id": ident, "thread.name": name}
    return {key: value for key, value in found.items() if value}


def _of_trouble(record: logging.LogRecord) -> dict[str, object]:
    """The exception, and the stack where that was asked for. A record from another process may bring only its text."""
    found: dict[str, object] = {}
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else record.exc_info
    if isinstance(error, BaseException):
        found = details.exception_attributes(error)
        frames = record.exc_info[2] if isinstance(record.exc_info, tuple) else None
        if frames is not error.__traceback__ and frames is not None:
            found["exception.stacktrace"] = "".join(traceback.format_exception(type(error), error, frames))
    elif record.exc_text:
        found["exception.stacktrace"] = record.exc_text
    if record.stack_info:
        found["code.stacktrace"] = record.stack_info
    return found
