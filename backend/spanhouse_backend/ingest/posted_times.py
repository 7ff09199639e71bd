"""When something was, as a program that posts it may write that: a Unix time in any unit, or ISO 8601.

All nine digits after the second count, as far as they were sent: a float has fewer.
"""

import re
from datetime import UTC, datetime
from typing import Any

from spanhouse_backend.ingest.json_values import shown

SECOND_NS = 1_000_000_000
# A number below this is seconds, below a thousand times this milliseconds, and so on: the year 5138 in seconds, and
# March 1973 in milliseconds.
_MOST_SECONDS = 10**11
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
# A point or, as in logging's asctime, a comma.
_FRACTION = re.compile(r"[.,]([0-9]{1,9})[0-9]*")
_MAX_CHARACTERS = 64
_MICROSECOND_DIGITS = 6
# The last second that the store's columns can hold, in February 2106.
_LAST_NS = 2**32 * SECOND_NS


def posted_time(value: Any) -> int:
    """The Unix nanoseconds that `value`, which JSON or a form had, means; of a time without a zone, those of UTC.

    Raises ValueError with what is wrong with it.
    """
    if type(value) is str:
        time_ns = _of_text(value.strip())
    elif type(value) in (int, float):
        time_ns = _of_number(value)
    else:
        time_ns = None
    if time_ns is None:
        raise ValueError(f"{shown(value)} is not a time: send a Unix time or ISO 8601, such as 2026-01-31T09:30:00Z")
    if not 0 < time_ns < _LAST_NS:
        raise ValueError(f"{shown(value)} lies outside the years 1970 to 2106")
    return time_ns


def _of_number(value: float) -> int | None:
    if not abs(value) < 2 * _LAST_NS:  # nor infinite, nor NaN
        return 2 * _LAST_NS
    factor = SECOND_NS
    while value >= _MOST_SECONDS * (SECOND_NS // factor) and factor > 1:
        factor //= 1000
    return int(value * factor)


def _of_text(text: str) -> int | None:
    if len(text) > _MAX_CHARACTERS:
        return None
    if _NUMBER.fullmatch(text):
        return _of_number(float(text) if "." in text else int(text))
    fraction = _FRACTION.search(text)
    digits = fraction[1].ljust(9, "0") if fraction else "0"
    try:
        # Python reads six digits, and in some versions no more.
        moment = datetime.fromisoformat(text.replace(fraction[0], "", 1) if fraction else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND_NS + int(digits)
