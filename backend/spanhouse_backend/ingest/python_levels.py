"""Levels of Python's logging as OpenTelemetry's severities, and back.

The numbers are those of OpenTelemetry's own handler (opentelemetry.instrumentation.log_utils.std_to_otel): each ten of
levels is one of its names, each name has four numbers, and whatever is above the fourth is the fourth. Levels below
DEBUG, which that handler leaves without a severity, are TRACE here, as programs that add such a level call it.
"""

import logging

from spanhouse_backend.severities import HIGHEST, LEVELS, OTHER_WORDS, PER_LEVEL, least_of, level_of

_PYTHONS_PER_LEVEL = 10
# SeverityText of what Python calls otherwise (opentelemetry-specification, logs/data-model.md, "Displaying Severity").
_OTHER_NAMES = {other.upper(): level.upper() for other, level in OTHER_WORDS.items()}
# Words of other loggers (syslog, Java, Go, JavaScript), in lower case, beside the names themselves.
_WORDS = {
    "finest": 1, "verbose": 1, "fine": 5, "notice": 10, "information": 9, "err": 17,
    "severe": 17, "crit": 21, "panic": 21, "alert": 21, "emergency": 21, "emerg": 21,
}  # fmt: skip
_WORDS |= {level: least_of(level) for level in LEVELS}
_WORDS |= {other: least_of(level) for other, level in OTHER_WORDS.items()}


def severity_of_level(level: int) -> int:
    """The SeverityNumber of a level: 20 is 9. 0, which is NOTSET, and less is 0."""
    if level <= logging.NOTSET:
        return 0
    if level < logging.DEBUG:
        return 1
    tens = min(level // _PYTHONS_PER_LEVEL, len(LEVELS) - 1)
    return 1 + PER_LEVEL * tens + min(level - _PYTHONS_PER_LEVEL * tens, PER_LEVEL - 1)


def level_of_severity(number: int) -> int:
    """The level of a SeverityNumber: 9 is 20. What has no severity is 0, and TRACE is 5."""
    if number <= 0:
        return logging.NOTSET
    tens, step = divmod(min(number, HIGHEST) - 1, PER_LEVEL)
    return _PYTHONS_PER_LEVEL * tens + step if tens else logging.DEBUG // 2


def severity_of_word(word: str) -> int:
    """The SeverityNumber of a level's name in any spelling; 0 for a word that nobody knows."""
    return _WORDS.get(word.strip().lower(), 0)


def name_of_severity(number: int) -> str:
    """The name of a SeverityNumber, '' for none."""
    return level_of(number).upper() if number <= HIGHEST else ""


def text_of_level(name: str) -> str:
    """The SeverityText for what Python's logging calls a level."""
    return _OTHER_NAMES.get(name, name)
