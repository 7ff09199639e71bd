"""When an event was, as a program may write it: the same forms that `POST /api/v1/events` takes, and a datetime."""

import re
from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000
_MOST_SECONDS = 10**11
"""A number below this is seconds, below a thousand times this milliseconds, and so on (docs/records.md)."""
_FRACTION = re.compile(r"\.([0-9]{1,9})[0-9]*")
_LAST_NS = 2**32 * _SECOND_NS
"""The last second that the store's columns hold, in February 2106."""


def event_time(value: object) -> int:
    """Unix nanoseconds of a datetime (without a zone: UTC), of ISO 8601 with up to nine digits, or of a Unix time in
    any unit. Raises TypeError or ValueError, with what is wrong.
    """
    if isinstance(value, datetime):
        time_ns = _of_moment(value)
    elif isinstance(value, str):
        time_ns = _of_text(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        time_ns = _of_number(value)
    else:
        raise TypeError(f"{value!r} is not a time: a datetime, ISO 8601, or a Unix time is")
    if not 0 < time_ns < _LAST_NS:
        raise ValueError(f"{value!r} lies outside the years 1970 to 2106")
    return time_ns


def _of_moment(moment: datetime) -> int:
    whole = moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC)
    return int(whole.timestamp()) * _SECOND_NS + moment.microsecond * 1000


def _of_text(text: str) -> int:
    fraction = _FRACTION.search(text)
    digits = fraction[1].ljust(9, "0") if fraction else "0"
    try:
        # Python keeps six digits of nine.
        moment = datetime.fromisoformat(text.replace(fraction[0], "", 1) if fraction else text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time in ISO 8601, such as 2026-01-31T09:30:00Z") from None
    return _of_moment(moment) + int(digits)


def _of_number(value: float) -> int:
    if not abs(value) < 2 * _LAST_NS:  # nor infinite, nor NaN
        return 2 * _LAST_NS
    factor = _SECOND_NS
    while value >= _MOST_SECONDS * (_SECOND_NS // factor) and factor > 1:
        factor //= 1000
    return int(value * factor)
