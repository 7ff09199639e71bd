"""The payload of an event, as it was put: with its types and its nesting, out of columns that are text.

An event's payload is kept twice: its top-level keys are attributes, so that filters, groups and indexes know them, and
all of it is JSON in the body, which is what it is read back from. Events of other senders have what attributes they
have: those whose text is JSON of a number, a boolean, a list or an object, written as JSON's writers write it, are read
as that, all others as the text that they are.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

ID, TIME, BODY = "@id", "@time", "@body"
"""What an event that is read has besides its payload; the last one only where the body is text and no payload."""
# As deep as OTLP's JSON may be nested: what is deeper is given as text, and cannot be too deep for whoever reads it.
MAX_DEPTH = 64
# What is read at once: Python's objects are up to thirty times as large as the JSON that they are read from.
MAX_CHARACTERS = 16 << 20
# Python writes 1e+300 and 1e-07, the engine 1e300 and 1e-7.
_EXPONENT = re.compile(r"(?<=[0-9])e\+?(-?)0*(?=[0-9])")


def payload(body: str, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The payload of the event with this body and these attributes; never what JSON cannot write."""
    found = _read(body)
    if isinstance(found, dict):
        return {key: value for key, value in found.items() if key not in {ID, TIME}}
    rest = {BODY: body} if body else {}
    return {key: _value(text) for key, text in attributes.items()} | rest


def _value(text: str) -> Any:
    found = _read(text)
    if found is None or isinstance(found, str):
        return text
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return found if _plain(written) == _plain(text) else text


def _plain(written: str) -> str:
    return _EXPONENT.sub(r"e\1", written)


def _read(text: str) -> Any:
    """What a text of JSON says; None for what is none, and for what JSON cannot say again."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        found = json.loads(text)
        # Numbers beyond all bounds, and halves of surrogate pairs.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if _depth(found) <= MAX_DEPTH else None


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            part
            for outer in level
            if isinstance(outer, dict | list)
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth
