"""What a posted record says of an exception, as the attributes of OpenTelemetry's semantic conventions."""

import re
from typing import Any

from spanhouse_backend.ingest.posted_message import read_literal

TYPE, MESSAGE, STACKTRACE = "exception.type", "exception.message", "exception.stacktrace"
# LogRecord's own, what python-json-logger and what structlog call it.
_KEYS = ("exc_text", "exc_info", "exception")
_TRACEBACK = "Traceback (most recent call last)"
# The text of sys.exc_info(), which is all that a handler sends that does not format exceptions.
_EXC_INFO = re.compile(r"\(<class '([^']{1,200})'>, (.*), <traceback object at 0x[0-9a-fA-F]+>\)", re.DOTALL)


def tell_exception(record: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Moves what `record` says of an exception to `attributes`; what is not understood stays where it is."""
    for key in _KEYS:
        if (value := record.get(key)) is None:
            continue
        if type(value) is bool:  # it says no more than that there was one
            del record[key]
        elif type(value) is str and (value.startswith(_TRACEBACK) or key == "exc_text"):
            del record[key]
            attributes[STACKTRACE] = value
            _tell_last_line(value, attributes)
        elif type(value) is str and (named := _EXC_INFO.fullmatch(value)):
            del record[key]
            attributes.setdefault(TYPE, named[1])
            attributes.setdefault(MESSAGE, _message(named[1].rpartition(".")[2], named[2]))


def _message(name: str, shown: str) -> str:
    """Of `ValueError('boom')` it is boom; of an exception that is shown in another way, that."""
    argument = read_literal(shown.removeprefix(name))
    return argument if type(argument) is str else shown


def _tell_last_line(stacktrace: str, attributes: dict[str, Any]) -> None:
    """Below the last frame, whose lines are indented, comes the exception as `Type: message`."""
    lines = stacktrace.rstrip().split("\n")
    last_frame = max((at for at, line in enumerate(lines) if line.startswith(" ")), default=len(lines))
    name, _, message = "\n".join(lines[last_frame + 1 :]).partition(": ")
    if name:
        attributes[TYPE] = name
        attributes[MESSAGE] = message
