"""The message of a posted record: as it is, or put together of `msg` and `args` as Python's logging does that.

A handler that sends a LogRecord as it is, such as the stdlib's HTTPHandler, leaves putting it together to the receiver.
That cannot be made to take more than a bounded time and memory: `"%9999999999d" % 1` is a message, too.
"""

import re
from ast import literal_eval
from typing import Any

from spanhouse_backend.ingest.log_writer import json_text

# The last is structlog's.
_MESSAGES = ("message", "body", "msg", "event")
_MAX_CHARACTERS = 1 << 20
"""Of a message that is put together."""
_MAX_LITERAL_CHARACTERS = 1 << 13
# A width or precision of four digits and more, or one that an argument gives.
_WIDE = re.compile(r"%(\([^)]*\))?[-+ #0]*[0-9.]*([0-9]{4}|\*)")
_MAX_WIDTH = 999
_NOT_THESE_ARGS = (TypeError, ValueError, KeyError, OverflowError, IndexError)
_NOT_PYTHON = (ValueError, SyntaxError, MemoryError, RecursionError, TypeError)


def message_of(record: dict[str, Any]) -> str:
    """Takes the message out of `record`, with what it was made of; '' when there is none.

    `args` that do not fit stay where they are.
    """
    for key in _MESSAGES:
        if (message := record.get(key)) is None:
            continue
        del record[key]
        text = message if type(message) is str else json_text(message)
        if key == "msg":
            return _formatted(text, record)
        # What it was made of says nothing more.
        if key == "message" and "args" in record:
            record.pop("msg", None)
            del record["args"]
        return text
    return ""


def _formatted(template: str, record: dict[str, Any]) -> str:
    given = record.get("args")
    args = read_literal(given) if type(given) is str else given
    if not args:
        if args is not None or given is None:
            record.pop("args", None)
        return template
    values = tuple(args) if type(args) is list else args
    if type(values) not in (tuple, dict) or _WIDE.search(template):
        return template
    longest = max(len(str(value)) for value in (values.values() if type(values) is dict else values))
    if template.count("%") * (longest + _MAX_WIDTH) > _MAX_CHARACTERS:
        return template
    try:
        message = template % values
    except _NOT_THESE_ARGS:
        return template
    del record["args"]
    return message


def read_literal(text: str) -> Any:
    """What has this repr: a form has that of a record's `args`. None when it is of no literal, or too long to read."""
    if len(text) > _MAX_LITERAL_CHARACTERS:
        return None
    try:
        return literal_eval(text)
    except _NOT_PYTHON:
        return None
