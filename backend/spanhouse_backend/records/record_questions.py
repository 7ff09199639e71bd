"""The questions that /api/v1/record asks, in Chronologer's words: `after` and `before`, `name`, Python's levels.

They are `logs` and `timeline`, and answer as those do. What is wrong is said of the parameter that was given.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.ingest.python_levels import severity_of_level, severity_of_word
from spanhouse_backend.query.filters import AnyOf, Comparison, both
from spanhouse_backend.query.parameters import MAX_LIMIT, MAX_OFFSET, plain, whole_number
from spanhouse_backend.query.question import Parameter
from spanhouse_backend.query.questions.logs import Logs
from spanhouse_backend.query.questions.timeline import Timeline
from spanhouse_backend.query.record_pages import OLDEST, ORDERS
from spanhouse_backend.query.steps import TIMEZONE
from spanhouse_backend.query.vocabulary import RECORDS

_TIME = "ISO 8601, a Unix time, or an age such as 1h"
_OFFSET = {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}
AFTER = Parameter("after", f"Only records made then or later: {_TIME}.")
BEFORE = Parameter("before", f"Only records made earlier: {_TIME}. Now if not given.")
LEVEL = Parameter("level", "Only records of at least this level: a number of Python's logging, such as 30, or a word.")
NAME = Parameter("name", "Only records of loggers whose names begin like this; several with commas between them.")
QUERY = Parameter("query", "Only records like these, in the filter language: 'body~\"ti.*out\" attr.user.tier=gold'.")
GROUP = Parameter("group", "Count by day, by hour, or by any step, such as 15m or 1w, rather than all together.")
LEFT = Parameter("left", "The offset of the first record, from 0.", schema=_OFFSET, required=True)
RIGHT = Parameter("right", f"The offset after the last one, at most {MAX_LIMIT} on.", schema=_OFFSET, required=True)
ORDER = Parameter("order", "Which records come first.", OLDEST, {"type": "string", "enum": list(ORDERS)})
FILTERS = (AFTER, BEFORE, LEVEL, NAME, QUERY)
GROUPS = (GROUP, TIMEZONE)
RANGE = (LEFT, RIGHT, ORDER)

_STEPS = {"day": "1d", "hour": "1h"}
_MAX_LEVEL, _MAX_PREFIXES = 1_000_000, 100
# What is called otherwise by the questions that are asked.
_OURS = {"since": AFTER, "until": BEFORE, "filter": QUERY, "step": GROUP}

AskedT = TypeVar("AskedT", Logs, Timeline)


@contextmanager
def in_these_words() -> Iterator[None]:
    """Errors that questions raise in the block name the parameters of this page."""
    try:
        yield
    except InvalidQuestion as error:
        ours = _OURS.get(error.parameter)
        if ours is None:
            raise
        raise InvalidQuestion(ours.name, error.problem, text=error.text, column=error.column) from error


def read_count(given: Mapping[str, str], now_ns: int) -> Logs:
    """The records that FILTERS describe. Raises InvalidQuestion, here as below."""
    return _asked(Logs, given, now_ns, {})


def read_range(given: Mapping[str, str], now_ns: int) -> Logs:
    """Those of them between two offsets; RANGE and FILTERS."""
    for parameter in (LEFT, RIGHT):
        if not given[parameter.name]:
            raise InvalidQuestion(parameter.name, f"is missing: {parameter.help}")
    left = whole_number(LEFT.name, given[LEFT.name], 0, MAX_OFFSET)
    right = whole_number(RIGHT.name, given[RIGHT.name], left + 1, left + MAX_LIMIT)
    page = {"offset": str(left), "limit": str(right - left), "order": given[ORDER.name]}
    return _asked(Logs, given, now_ns, page)


def read_groups(given: Mapping[str, str], now_ns: int) -> Timeline:
    """How many of them there are in each step; GROUPS and FILTERS."""
    step = _STEPS.get(given[GROUP.name], given[GROUP.name])
    return _asked(Timeline, given, now_ns, {"step": step, "timezone": given[TIMEZONE.name]})


def _asked(question: type[AskedT], given: Mapping[str, str], now_ns: int, more: Mapping[str, str]) -> AskedT:
    texts = {
        "since": given[AFTER.name],
        "until": given[BEFORE.name],
        "level": _severity(given[LEVEL.name]),
        "filter": given[QUERY.name],
    }
    asked = question.read({**texts, **more}, now_ns)
    prefixes = [prefix.strip() for prefix in plain(NAME.name, given[NAME.name]).split(",") if prefix.strip()]
    if not prefixes:
        return asked
    if len(prefixes) > _MAX_PREFIXES:
        raise InvalidQuestion(NAME.name, f"there are more than {_MAX_PREFIXES} of them")
    named = AnyOf(tuple(Comparison(RECORDS.fields["scope"], "^=", (prefix,)) for prefix in prefixes))
    return replace(asked, where=both(named, asked.where))


def _severity(text: str) -> str:
    """OpenTelemetry's number for a level of Python's; '' for every level."""
    if not text:
        return ""
    if text.isdecimal():
        severity = severity_of_level(whole_number(LEVEL.name, text, 0, _MAX_LEVEL))
        return str(severity) if severity else ""
    if severity := severity_of_word(text):
        return str(severity)
    raise InvalidQuestion(LEVEL.name, f"{text[:100]!r} is no level: write a number of Python's, such as 30, or a word")
