"""From a record as programs post it to an OTLP log record; docs/records.md has the mapping as a table.

Three shapes are taken, and need not be told apart, since their keys do not contradict each other: the dictionary of a
`logging.LogRecord`, as the stdlib's HTTPHandler sends it; Chronologer's, with `ts`, `level` and `logrec`; and the plain
one of structured loggers, with `time`, `level` and `message`. Whatever has no place of its own becomes an attribute.
What cannot be taken is refused by the name of its key.
"""

from typing import Any

from spanhouse_backend.ingest.json_values import shown
from spanhouse_backend.ingest.log_writer import UNKNOWN_SERVICE, LogRequest, json_text
from spanhouse_backend.ingest.posted import BadRecord
from spanhouse_backend.ingest.posted_exception import tell_exception
from spanhouse_backend.ingest.posted_message import message_of
from spanhouse_backend.ingest.posted_times import posted_time
from spanhouse_backend.ingest.python_levels import (
    name_of_severity,
    severity_of_level,
    severity_of_word,
    text_of_level,
)
from spanhouse_backend.severities import HIGHEST

# Of each thing the keys that may say it: the first that says something counts, and the others are attributes.
_TIMES = ("created", "time", "timestamp", "ts", "@timestamp", "asctime")
_LOGGERS = ("logger", "name", "logger_name")
_SERVICES = ("service", "service.name", "service_name", "otelServiceName")
_LEVELS = ("levelno", "level", "severity")
_LEVEL_NAMES = ("levelname", "severity_text")
_EVENT_NAMES = ("event_name", "otel.event.name")
_TRACE_IDS = ("trace_id", "traceId", "otelTraceID")
_SPAN_IDS = ("span_id", "spanId", "otelSpanID")
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
# OpenTelemetry's semantic conventions and, in their manner, names for a process and an asyncio task, which have none.
PLACES = {
    "pathname": "code.file.path",
    "lineno": "code.line.number",
    "funcName": "code.function.name",
    "stack_info": "code.stacktrace",
    "thread": "thread.id",
    "threadName": "thread.name",
    "process": "process.pid",
    "processName": "process.name",
    "taskName": "task.name",
}
# They follow from `created`, say nothing outside of the process, or are said by the ids.
_FOLLOWING = ("msecs", "relativeCreated", "asctime", "otelTraceSampled")
# Objects whose keys are attributes like those beside them.
_EXTRAS = ("attributes", "extra")
_LONGEST_NUMBER = 20


def add_record(request: LogRequest, record: dict[str, Any], service: str, arrived_ns: int) -> int:
    """As posted.Write says."""
    if not record:
        raise BadRecord("", "there is nothing in it")
    extras = _unpacked(record)
    time_ns = _time(record)
    number, text = _severity(record)
    trace_id = _id(record, _TRACE_IDS, _TRACE_ID_BYTES)
    span_id = _id(record, _SPAN_IDS, _SPAN_ID_BYTES)
    attributes = {name: record.pop(key, None) for key, name in PLACES.items()}
    _leave_out_what_follows(record, attributes)
    body = message_of(record)
    tell_exception(record, attributes)
    logger, own_service = _first(record, _LOGGERS), _first(record, _SERVICES)
    event_name = _first(record, _EVENT_NAMES)
    attributes |= record
    attributes |= extras
    request.add(
        _text(own_service) or service or UNKNOWN_SERVICE,
        _text(logger),
        time_ns or arrived_ns,
        observed=not time_ns,
        severity_number=number,
        severity_text=text,
        body=body,
        attributes=attributes,
        trace_id=trace_id,
        span_id=span_id,
        event_name=_text(event_name),
    )
    return time_ns or arrived_ns


def _unpacked(record: dict[str, Any]) -> dict[str, Any]:
    """Takes apart what Chronologer's records and others pack together; returns what are attributes for certain."""
    extras: dict[str, Any] = {}
    logrec = record.get("logrec")
    if type(logrec) is dict:
        del record["logrec"]
        for part, values in logrec.items():
            if part == "data" and type(values) is dict:
                extras |= values
            elif type(values) is dict:  # meta, and error: what Python's LogRecord has under the same names
                for key, value in values.items():
                    record.setdefault(key, value)
    for key in _EXTRAS:
        values = record.get(key)
        if type(values) is dict:
            del record[key]
            extras |= values
    return extras


def _first(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """Takes the first of `keys` that says something; None when none does."""
    for key in keys:
        if (value := record.get(key)) is not None and value != "":
            del record[key]
            return value
    return None


def _time(record: dict[str, Any]) -> int:
    """0 when the record does not say."""
    for key in _TIMES:
        if (value := record.get(key)) is not None and value != "":
            try:
                time_ns = posted_time(value)
            except ValueError as error:
                raise BadRecord(key, str(error)) from None
            del record[key]
            return time_ns
    return 0


def _severity(record: dict[str, Any]) -> tuple[int, str]:
    """SeverityNumber and SeverityText: a number is a level of Python's logging, but for `severity_number`."""
    number = _severity_number(record)
    text = _text(_first(record, _LEVEL_NAMES))
    for key in _LEVELS:
        value = record.get(key)
        if value is None or value == "" or (number and text):
            continue
        if (level := _whole(value)) is not None:
            number = number or severity_of_level(level)
        elif type(value) is str and key != "levelno":
            text = text or value
        else:
            raise BadRecord(key, f"{shown(value)} is no level: send a number of Python's, such as 20, or a word")
        del record[key]
    return number or severity_of_word(text), text_of_level(text) or name_of_severity(number)


def _severity_number(record: dict[str, Any]) -> int:
    value = record.pop("severity_number", None)
    if value is None or value == "":
        return 0
    number = _whole(value)
    if number is None or not 0 <= number <= HIGHEST:
        raise BadRecord("severity_number", f"{shown(value)} is not one of OpenTelemetry's, 1 to {HIGHEST}")
    return number


def _whole(value: Any) -> int | None:
    """The whole number that `value` is, or has the digits of; None for anything else."""
    if type(value) is int:
        return value
    if type(value) is str and len(value) < _LONGEST_NUMBER and value.isdecimal():
        return int(value)
    return int(value) if type(value) is float and value.is_integer() else None


def _id(record: dict[str, Any], keys: tuple[str, ...], size: int) -> bytes:
    """The id's bytes; none of zeros, or of "0" as OpenTelemetry's instrumentation of logging writes it."""
    for key in keys:
        value = record.get(key)
        if value is None or value == "":
            continue
        try:
            found = bytes.fromhex(value) if type(value) is str and value != "0" else b"\0"[: value == "0"] * size
        except ValueError:
            found = b""
        if len(found) != size:
            raise BadRecord(key, f"{shown(value)} is not {2 * size} hexadecimal digits")
        del record[key]
        return found if any(found) else b""
    return b""


def _leave_out_what_follows(record: dict[str, Any], attributes: dict[str, Any]) -> None:
    for key in _FOLLOWING:
        record.pop(key, None)
    path = attributes["code.file.path"]
    if type(path) is str and type(filename := record.get("filename")) is str and path.endswith(filename):
        del record["filename"]
        if filename.partition(".")[0] == record.get("module"):
            del record["module"]


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    return "" if value is None else json_text(value)
