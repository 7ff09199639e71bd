"""Where an answer ended, as a text for whoever asks for the rest: fit for a URL, and for nobody to take apart.

A cursor is a list of numbers and texts; what they are is the question's to say, and to check: a cursor comes from
outside, so anything can stand in it.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.question import Parameter

CURSOR = Parameter("cursor", "Goes on where an answer ended: its `next`. Everything else as it was asked there.")
_MAX_CHARACTERS = 400


def cursor_text(parts: Sequence[int | str]) -> str:
    """Letters, digits, - and _."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def cursor_parts(text: str, types: Sequence[type]) -> list[Any]:
    """What cursor_text was given, a part of each of `types`. Raises InvalidQuestion for what it did not make so."""
    if len(text) > _MAX_CHARACTERS:
        raise no_cursor()
    try:
        parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
        json.dumps(parts, ensure_ascii=False).encode()  # lone surrogates, which no engine takes
    except (binascii.Error, ValueError):
        raise no_cursor() from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise no_cursor()
    return parts


def no_cursor() -> InvalidQuestion:
    """What is said of a cursor that no answer gave."""
    return InvalidQuestion(CURSOR.name, "this is no cursor of ours: give the `next` of an answer, or leave it out")


def other_order(first: str) -> InvalidQuestion:
    """What is said of a cursor of an answer in another order, which had the `first` of its rows first."""
    return InvalidQuestion(CURSOR.name, f"it goes on with the {first[:10]} first: order must say so, too")
