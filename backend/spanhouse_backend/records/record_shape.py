"""A stored log record in the shape that Chronologer gives it: `name`, `ts`, `level`, `message`, and `logrec` of one.

What ingest made of a `logging.LogRecord` is made undone, as far as it was kept: `logrec.meta` has the fields of a
LogRecord, and where the record belongs besides; `logrec.data` has the extras, with their types.
"""

from pathlib import PureWindowsPath
from typing import Any

from pydantic import BaseModel

from spanhouse_backend.ingest.posted_exception import MESSAGE, STACKTRACE, TYPE
from spanhouse_backend.ingest.posted_record import PLACES
from spanhouse_backend.ingest.python_levels import level_of_severity
from spanhouse_backend.query.payloads import payload
from spanhouse_backend.query.questions.logs import LogRow, WholeLogRow
from spanhouse_backend.query.times import iso_time

_WHOLE = frozenset({"lineno", "thread", "process"})
_MAX_DIGITS = 20
_EXCEPTION = {STACKTRACE: "exc_text", TYPE: "exc_type", MESSAGE: "exc_message"}
_META = {name: key for key, name in PLACES.items()} | _EXCEPTION


class LogRec(BaseModel):
    """The rest of a record: its extras, and the fields of a LogRecord."""

    data: dict[str, Any]
    meta: dict[str, Any]


class RecordDocument(BaseModel):
    """A log record: its logger, its time in ISO 8601, its message, its id, and its level as a number of Python's."""

    name: str
    ts: str
    message: str
    id: str
    level: int


class WholeRecordDocument(RecordDocument):
    """One with all that it says."""

    logrec: LogRec


def record_document(row: LogRow | WholeLogRow) -> dict[str, Any]:
    """A record as in a list of them."""
    return {
        "name": row.scope,
        "ts": iso_time(row.time_unix_ns),
        "message": row.body,
        "id": row.id,
        "level": level_of_severity(row.severity_number),
    }


def whole_record_document(row: WholeLogRow) -> dict[str, Any]:
    """A record alone."""
    data = {key: text for key, text in row.attributes.items() if key not in _META}
    return record_document(row) | {"logrec": {"data": payload("", data), "meta": _meta(row)}}


def _meta(row: WholeLogRow) -> dict[str, Any]:
    meta: dict[str, Any] = {"levelname": row.severity, "service": row.service}
    for name, key in _META.items():
        if (text := row.attributes.get(name)) is not None:
            meta[key] = int(text) if key in _WHOLE and text.isdecimal() and len(text) < _MAX_DIGITS else text
    if path := meta.get("pathname"):
        file = PureWindowsPath(path)  # which knows the slashes of others too
        meta |= {"filename": file.name, "module": file.stem}
    further = {"event_name": row.event, "trace_id": row.trace_id, "span_id": row.span_id}
    return meta | {key: value for key, value in further.items() if value}
