"""The parameters that most questions share, as the types of their fields.

A question says `window: Windowed`, and so takes `since` and `until`; and so on.
"""

import re
from typing import Annotated

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.filters import Filter, both, equals, parse_filter
from spanhouse_backend.query.question import Given, Parameter, Reads
from spanhouse_backend.query.times import Window, parse_window
from spanhouse_backend.query.vocabulary import SPANS, Vocabulary

MAX_LIMIT = 10_000
DEFAULT_LIMIT = 50
MAX_OFFSET = 999_999_999
_MAX_NAME_CHARACTERS = 1024
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})

_TIME = 'ISO 8601, a Unix time, or an age such as "15m", "1h", "7d"'
# How a parameter that is a whole window is written.
RANGE = 'two times with ".." between them, or one for "until now": "1d..1h", "2026-01-31T09:00Z..2026-01-31T10:00Z"'
SINCE = Parameter(
    "since",
    f'Where the window begins: {_TIME}; or all of it: "2026-01-31T09:00Z+1h". Everything stored if not given.',
)
UNTIL = Parameter("until", f"Where the window ends, itself not included: {_TIME}. Now if not given.")
SERVICE = Parameter("service", "Only this service.")
NAME = Parameter("name", "Only this function: the name of its spans.")
FILTER = Parameter("filter", "Only calls like these: 'status=error duration>50ms attr.user.tier=gold name~\"app.*\"'.")
EXACT = Parameter(
    "exact",
    "Read the spans themselves rather than the rollups: exact percentiles over the exact window, but slower.",
    "false",
    {"type": "boolean"},
)
LIMIT = Parameter(
    "limit",
    "At most this many rows.",
    str(DEFAULT_LIMIT),
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
)

OFFSET = Parameter(
    "offset",
    "Leave out so many rows before the first. With a cursor there is nothing more to leave out.",
    "0",
    {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
)


def whole_number(parameter: str, text: str, least: int, most: int) -> int:
    """A whole number from `least` to `most`. Raises InvalidQuestion naming `parameter`."""
    # The pattern, and not int() alone, so that "1_000", " 5" and thousands of digits are refused as well.
    if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise InvalidQuestion(parameter, f"{text[:100]!r} is not a whole number from {least} to {most}")
    return int(text)


def choice(parameter: str, text: str, choices: tuple[str, ...]) -> str:
    """One of `choices`. Raises InvalidQuestion naming `parameter`."""
    if text not in choices:
        raise InvalidQuestion(parameter, f"{text[:100]!r} is not one of {', '.join(choices)}")
    return text


def flag(parameter: str, text: str) -> bool:
    """True or false. Raises InvalidQuestion naming `parameter`."""
    if text.lower() not in _TRUE | _FALSE:
        raise InvalidQuestion(parameter, f"{text[:100]!r} is neither true nor false")
    return text.lower() in _TRUE


def plain(parameter: str, text: str) -> str:
    """A name that is taken as it is written. Raises InvalidQuestion naming `parameter`."""
    if len(text) > _MAX_NAME_CHARACTERS:
        raise InvalidQuestion(parameter, f"a name is not longer than {_MAX_NAME_CHARACTERS} characters")
    try:
        text.encode()
    except UnicodeEncodeError:  # the lone surrogates that a command line makes of such bytes
        raise InvalidQuestion(parameter, f"{text!r} is not UTF-8") from None
    return text


def read_window(given: Given) -> Window:
    """The window of `since` and `until`. Raises InvalidQuestion."""
    return parse_window(given[SINCE], given[UNTIL], given.now_ns)


def read_range(given: Given, parameter: Parameter) -> Window:
    """The window that a parameter written as RANGE says names. Raises InvalidQuestion naming `parameter`."""
    since, dots, until = given[parameter].partition("..")
    try:
        return parse_window(since.strip(), until.strip() if dots else "", given.now_ns)
    except InvalidQuestion as error:
        raise InvalidQuestion(parameter.name, error.problem) from error


def read_where(given: Given) -> Filter:
    """The filter of `filter`, and of `service` and `name`, over spans. Raises InvalidQuestion."""
    return narrowed(given, SPANS, FILTER, NAME, SERVICE)


def narrowed(given: Given, vocabulary: Vocabulary, written: Parameter, *equal: Parameter) -> Filter:
    """The filter `written`, and of parameters named as fields are those that these fields are to be equal to.

    Raises InvalidQuestion.
    """
    where = parse_filter(given[written], vocabulary)
    for parameter in equal:
        if text := plain(parameter.name, given[parameter]):
            where = both(equals(parameter.name, text, vocabulary), where)
    return where


def _exact(given: Given) -> bool:
    return flag(EXACT.name, given[EXACT])


def _limit(given: Given) -> int:
    return whole_number(LIMIT.name, given[LIMIT], 1, MAX_LIMIT)


def _offset(given: Given) -> int:
    return whole_number(OFFSET.name, given[OFFSET], 0, MAX_OFFSET)


Windowed = Annotated[Window, Reads(read_window, SINCE, UNTIL)]
Filtered = Annotated[Filter, Reads(read_where, SERVICE, NAME, FILTER)]
Exactly = Annotated[bool, Reads(_exact, EXACT)]
Limited = Annotated[int, Reads(_limit, LIMIT)]
Shifted = Annotated[int, Reads(_offset, OFFSET)]
