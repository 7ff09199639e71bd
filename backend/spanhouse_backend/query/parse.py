"""From the texts a person or a program writes to a checked question; the one place that reads times.

A time is ISO 8601 (UTC unless it says otherwise), Unix seconds, "now", or an age before now: "15m", "1h30m",
"now-7d". Whatever makes no sense raises InvalidQuestion with the parameter's name, which is the same everywhere.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.model import FunctionsQuestion

SECOND_NS = 1_000_000_000
DEFAULT_LIMIT = 50
MAX_LIMIT = 10_000
DEFAULT_SORT = "total_ns"
# Fields that `sort` may name: their short forms leave the unit out ("p99").
SORTS = (
    "service",
    "name",
    "calls",
    "errors",
    "mean_ns",
    "stderr_ns",
    "min_ns",
    "p50_ns",
    "p90_ns",
    "p95_ns",
    "p99_ns",
    "p999_ns",
    "max_ns",
    "total_ns",
    "tail_ratio",
)
# The last whole minute that ClickHouse's DateTime can hold, in February 2106.
_LAST_NS = 2**32 // 60 * 60 * SECOND_NS
# Nothing meaningful is longer, and what is not read cannot be slow to read.
_MAX_TIME_CHARACTERS = 64
_MAX_SERVICE_CHARACTERS = 1024

_UNIX_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_AGE = re.compile(r"(now-)?(?P<terms>([0-9]+[smhdw])+)")
_AGE_TERM = re.compile(r"([0-9]+)([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def functions_question(
    *, since: str, until: str, service: str, sort: str, limit: str | int, now_ns: int
) -> FunctionsQuestion:
    """Reads the parameters of `functions`; '' (or a limit of 0) stands for the default of each.

    `now_ns` is what ages count back from. Raises InvalidQuestion naming the parameter.
    """
    from_ns = parse_time("since", since, now_ns) if since else 0
    to_ns = parse_time("until", until, now_ns) if until else now_ns
    if from_ns > now_ns:
        raise InvalidQuestion("since", f"{since!r} lies in the future")
    if from_ns >= to_ns:
        raise InvalidQuestion("until", f"{until or 'now'!r} is not later than since, {since!r}")
    return FunctionsQuestion(from_ns, to_ns, _service(service), _sort(sort), _limit(limit))


def parse_time(parameter: str, text: str, now_ns: int) -> int:
    """The Unix nanoseconds that `text` means. Raises InvalidQuestion naming `parameter`."""
    if len(text) > _MAX_TIME_CHARACTERS:
        raise InvalidQuestion(parameter, f"a time is not longer than {_MAX_TIME_CHARACTERS} characters")
    stripped = text.strip()
    if stripped == "now":
        return now_ns
    if age := _AGE.fullmatch(stripped):
        terms = _AGE_TERM.findall(age["terms"])
        # An age that reaches back past 1970 means everything, as its writer surely does.
        return max(0, now_ns - sum(int(count) * _UNIT_SECONDS[unit] for count, unit in terms) * SECOND_NS)
    if _UNIX_SECONDS.fullmatch(stripped):
        return _in_range(parameter, text, int(Decimal(stripped) * SECOND_NS))
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise InvalidQuestion(
            parameter,
            f"{text!r} is not a time: write an age (15m, 1h, 7d, 2w), ISO 8601 (2026-01-31T09:30:00Z) or Unix seconds",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _in_range(parameter, text, (moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def parse_trace_id(text: str) -> str:
    """A trace id in the spelling the store keeps. Raises InvalidQuestion."""
    trace_id = text.strip().lower()
    if not _TRACE_ID.fullmatch(trace_id) or not int(trace_id, 16):
        raise InvalidQuestion("trace_id", f"{text[:100]!r} is not 32 hexadecimal digits, not all zero")
    return trace_id


def _in_range(parameter: str, text: str, time_ns: int) -> int:
    if not 0 <= time_ns <= _LAST_NS:
        hint = "; Unix times are in seconds" if text.strip().isdecimal() else ""
        raise InvalidQuestion(parameter, f"{text!r} lies outside the years 1970 to 2106{hint}")
    return time_ns


def _service(text: str) -> str:
    if len(text) > _MAX_SERVICE_CHARACTERS:
        raise InvalidQuestion("service", f"a name is not longer than {_MAX_SERVICE_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError:  # the lone surrogates that a command line makes of such bytes
        raise InvalidQuestion("service", f"{text!r} is not UTF-8") from None
    return text


def _sort(text: str) -> str:
    if not text:
        return DEFAULT_SORT
    for sort in SORTS:
        if text in {sort, sort.removesuffix("_ns")}:
            return sort
    raise InvalidQuestion("sort", f"{text[:100]!r} is not a column: choose one of {', '.join(SORTS)}")


def _limit(value: str | int) -> int:
    if value in {"", 0}:
        return DEFAULT_LIMIT
    text = str(value)
    # The pattern, and not int() alone, so that "1_000", " 5" and thousands of digits are refused as well.
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidQuestion("limit", f"{text[:100]!r} is not a whole number from 1 to {MAX_LIMIT}")
    return int(text)
