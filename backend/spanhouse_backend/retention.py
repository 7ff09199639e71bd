"""How long rows are kept, as people write it ("spans=7d,hour=2y") and as seconds.

There are several kinds of rows, since each is worth keeping for another time: a raw span is large and soon forgotten,
a rollup is small and tells of last year. Nothing here knows a table; store/retention.py does.
"""

import re
from collections.abc import Mapping

from spanhouse_backend.errors import InvalidQuestion

FOREVER = 0
"""In place of a number of seconds: kept until somebody says otherwise."""
_DAY = 86400
Retention = Mapping[str, int]
"""Seconds by kind; a change names only the kinds that it changes."""
DEFAULT_RETENTION: Retention = {
    "spans": 30 * _DAY,
    "minute": 90 * _DAY,
    "hour": 730 * _DAY,
    "logs": 30 * _DAY,
    "metrics": 30 * _DAY,
    "rejected": 30 * _DAY,
}
"""What a new data directory begins with; its keys are all the kinds there are."""
# The engine counts the seconds of a date in 32 bits, until the year 2106, and wraps around silently.
MAX_SECONDS = 50 * 365 * _DAY
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY, "y": 365 * _DAY}
_AGE = re.compile(r"([0-9]{1,10})([smhdwy])")


def parse_retention(text: str) -> Retention:
    """Reads `NAME=AGE,...`; an age is a number and s, m, h, d, w or y (365 days), or `forever`, or 0 for the same.

    Raises InvalidQuestion, parameter "retention", saying which part makes no sense.
    """
    change: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, equals, age = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InvalidQuestion("retention", f"{part[:100]!r} is not NAME=AGE, such as spans=7d")
        change |= {kind: parse_age(kind, age)}
    if not change:
        raise InvalidQuestion("retention", f"{text[:100]!r} says nothing; write spans=7d,hour=2y, for instance")
    return change


def parse_age(kind: str, age: str) -> int:
    """The seconds that rows of `kind` are kept for when the user writes `age`. Raises InvalidQuestion."""
    if kind not in DEFAULT_RETENTION:
        raise InvalidQuestion("retention", f"there is no {kind[:100]!r}; there are {', '.join(DEFAULT_RETENTION)}")
    if age in {"0", "forever"}:
        return FOREVER
    match = _AGE.fullmatch(age)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= MAX_SECONDS:
        raise InvalidQuestion(
            "retention", f"{kind}: {age[:100]!r} is not an age such as 12h, 7d, 8w or 2y (at most 50y), or forever"
        )
    return seconds


def retention_text(retention: Retention) -> str:
    """As `parse_retention` reads it, in the largest units that fit."""
    return ",".join(f"{kind}={age_text(seconds)}" for kind, seconds in retention.items())


def age_text(seconds: int) -> str:
    """7d, 36h, 2y, forever."""
    if seconds == FOREVER:
        return "forever"
    unit = next(unit for unit in reversed(_UNITS) if unit != "w" and seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
