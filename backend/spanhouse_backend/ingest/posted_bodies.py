"""The bodies that records are posted in: a form, JSON, or a record of JSON on each line (NDJSON)."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from spanhouse_backend.errors import MalformedData
from spanhouse_backend.ingest.posted import Place, Posted, Write
from spanhouse_backend.ingest.posted_record import add_record

MAX_LINE_BYTES = 1 << 20
_MAX_FORM_FIELDS = 1000
# What str() makes of None, for the fields of a LogRecord; it may mean something in the others.
_NONE = "None"
_OF_A_LOG_RECORD = frozenset({"args", "exc_info", "exc_text", "stack_info", "taskName", "processName", "threadName"})
# Infinity and NaN are none of JSON's numbers, but Python writes them: they are taken as text.
_decode = json.JSONDecoder(parse_constant=str).decode


def read_ndjson(body: bytes, posted: Posted, *, raw: bool = False, write: Write = add_record) -> None:
    """A record on each line, as `write` has it; with `raw`, a line that is no object of JSON is the message of one."""
    for number, line in _lines(body):
        place = Place(number)
        if len(line) > MAX_LINE_BYTES:
            posted.refuse(place, "", f"the line is longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            record = _record(line, raw=raw)
        except ValueError as error:
            posted.refuse(place, "", str(error))
            continue
        if record is not None:
            posted.add(place, record, write)


def read_json(body: bytes, posted: Posted) -> None:
    """One record, or a list of them. Raises MalformedData when it is no JSON."""
    document = decode_json(body)
    for index, record in enumerate(document if type(document) is list else [document]):
        posted.add(Place(index), record, add_record)


def read_form(body: bytes, posted: Posted) -> None:
    """One record, as the stdlib's HTTPHandler sends it. Raises MalformedData when it is no form."""
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise MalformedData(f"not a form: {error}") from error
    record = {key: value for key, value in fields if value != _NONE or key not in _OF_A_LOG_RECORD}
    posted.add(Place(0), record, add_record)


def decode_json(body: bytes) -> Any:
    """What a body of JSON says. Raises MalformedData."""
    try:
        return _decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise MalformedData(f"not UTF-8: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise MalformedData(f"not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedData("nested too deeply") from error


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line with its number from 1; one at a time, since all of them would be the body again."""
    begin, number = 0, 0
    while begin < len(body):
        end = body.find(b"\n", begin)
        if end < 0:
            end = len(body)
        number += 1
        yield number, body[begin:end]
        begin = end + 1


def _record(line: bytes, *, raw: bool) -> Any:
    """What is on a line; None when nothing is. Raises ValueError."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    if not text or text.isspace():
        return None
    try:
        found = _decode(text)
    except ValueError as error:
        if raw:
            return {"message": text.rstrip("\r")}
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return {"message": text.rstrip("\r")} if raw and type(found) is not dict else found
