"""From the texts that people and programs write to points, windows and lengths of time; the one place that reads them.

A time is ISO 8601 (UTC unless it says otherwise), a Unix time in seconds, milli-, micro- or nanoseconds (told by its
size), "now", or an age before now: "15m", "1h30m", "now-7d". A window is two times, or one and a length:
"2026-01-31T09:00Z+1h" begins there, "-1h" ends there, "±5m" (or "+-5m") has it in its middle. Windows are half-open,
[from, to). Whatever makes no sense raises InvalidQuestion with the parameter's name.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from spanhouse_backend.errors import InvalidQuestion

SECOND_NS = 1_000_000_000
# The last whole minute that ClickHouse's DateTime can hold, in February 2106.
LAST_NS = 2**32 // 60 * 60 * SECOND_NS
# Nothing meaningful is longer, and what is not read cannot be slow to read.
_MAX_TIME_CHARACTERS = 64
_MAX_LENGTH_CHARACTERS = 40

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_AGE = re.compile(r"(now-)?(?P<terms>([0-9]+[smhdw])+)")
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zµ]+)")
# A plus sign that was not escaped in a URL arrives as a space.
_AROUND = re.compile(r"(?P<time>.+?)(?P<sign>±|\+-|[-+ ])(?P<length>([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+)")
_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
    "w": 604_800 * SECOND_NS,
}
# Up to this, a Unix time is in seconds; up to a thousand times this, in milliseconds; and so on. It is the year 5138
# in seconds and March 1973 in milliseconds.
_MOST_SECONDS = 10**11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """[from_ns, to_ns) in Unix nanoseconds; `from_ns` 0 is everything stored."""

    from_ns: int
    to_ns: int


def parse_window(since: str, until: str, now_ns: int) -> Window:
    """The window between two texts: '' is everything stored for `since`, now for `until`.

    Raises InvalidQuestion naming the parameter, also for a window that is inverted, empty or in the future.
    """
    around = _AROUND.fullmatch(since.strip()[: _MAX_TIME_CHARACTERS + _MAX_LENGTH_CHARACTERS])
    if around and not _AGE.fullmatch(since.strip()):
        if until:
            raise InvalidQuestion("until", f"since, {since!r}, says already where the window ends")
        window = _around(since, around, now_ns)
    else:
        from_ns = parse_time("since", since, now_ns) if since else 0
        window = Window(from_ns, parse_time("until", until, now_ns) if until else now_ns)
    if window.from_ns > now_ns or window.from_ns == now_ns < window.to_ns:
        raise InvalidQuestion("since", f"{since!r} lies in the future")
    if window.from_ns >= window.to_ns:
        raise InvalidQuestion("until", f"{until or 'now'!r} is not later than since, {since!r}")
    return window


def parse_time(parameter: str, text: str, now_ns: int) -> int:
    """The Unix nanoseconds that `text` means. Raises InvalidQuestion naming `parameter`."""
    if len(text) > _MAX_TIME_CHARACTERS:
        raise InvalidQuestion(parameter, f"a time is not longer than {_MAX_TIME_CHARACTERS} characters")
    stripped = text.strip()
    if stripped == "now":
        return now_ns
    if age := _AGE.fullmatch(stripped):
        # An age that reaches back past 1970 means everything, as its writer surely does.
        return max(0, now_ns - _length(age["terms"]))
    if _NUMBER.fullmatch(stripped):
        return _in_range(parameter, text, _unix_ns(Decimal(stripped)))
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise InvalidQuestion(
            parameter,
            f"{text!r} is not a time: write an age (15m, 1h, 7d, 2w), ISO 8601 (2026-01-31T09:30:00Z; in a URL, + is "
            "%2B) or a Unix time",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _in_range(parameter, text, (moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def parse_length(parameter: str, text: str) -> int:
    """The nanoseconds in a length of time with its units: "50ms", "1.5s", "1h30m". Raises InvalidQuestion."""
    stripped = text.strip()
    terms = _TERM.findall(stripped) if len(stripped) <= _MAX_LENGTH_CHARACTERS else []
    whole = "".join(number + unit for number, unit in terms) == stripped
    if not terms or not whole or any(unit not in _UNIT_NS for _, unit in terms):
        raise InvalidQuestion(
            parameter, f"{text[:100]!r} is not a length of time: write a number and ns, us, ms, s, m, h, d or w"
        )
    return _length(stripped)


def iso_time(unix_ns: int) -> str:
    """ISO 8601 in UTC, with nanoseconds unless they are zero: datetime alone would lose the last three digits."""
    seconds, fraction = divmod(unix_ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}Z" if fraction else f"{text}Z"


def _around(since: str, around: re.Match[str], now_ns: int) -> Window:
    time_ns = parse_time("since", around["time"], now_ns)
    length_ns = _length(around["length"])
    before, after = {"-": (1, 0), "±": (1, 1), "+-": (1, 1)}.get(around["sign"], (0, 1))
    window = Window(max(0, time_ns - before * length_ns), time_ns + after * length_ns)
    _in_range("since", since, window.to_ns)
    return window


def _length(terms: str) -> int:
    return int(sum(Decimal(number) * _UNIT_NS[unit] for number, unit in _TERM.findall(terms)))


def _unix_ns(number: Decimal) -> int:
    for digits in (9, 6, 3):
        if number < _MOST_SECONDS * 10 ** (9 - digits):
            return int(number.scaleb(digits))
    return int(number)


def _in_range(parameter: str, text: str, time_ns: int) -> int:
    if not 0 <= time_ns <= LAST_NS:
        raise InvalidQuestion(parameter, f"{text!r} lies outside the years 1970 to 2106")
    return time_ns
