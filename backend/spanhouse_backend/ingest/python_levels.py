"""Levels of Python's logging as OpenTelemetry's severities, and back.

The numbers are those of OpenTelemetry's own handler (opentelemetry.instrumentation.log_utils.std_to_otel): each ten of
levels is one of its names, each name has four numbers, and whatever is above the fourth is the fourth. Levels below
DEBUG, which that handler leaves without a severity, are TRACE here, as programs that add such a level call it.
"""

import logging

NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""Of severities, least first; each is four numbers, from 1 on."""
_PER_NAME = 4
MAX_SEVERITY = _PER_NAME * len(NAMES)
_LEVELS_PER_NAME = 10
# SeverityText of what Python calls otherwise (opentelemetry-specification, logs/data-model.md, "Displaying Severity").
_OTHER_NAMES = {"WARNING": "WARN", "CRITICAL": "FATAL"}
# Words of other loggers (syslog, Java, Go, JavaScript), in lower case, beside the names themselves.
_WORDS = {
    "finest": 1, "verbose": 1, "fine": 5, "notice": 10, "information": 9, "warning": 13, "err": 17,
    "severe": 17, "critical": 21, "crit": 21, "panic": 21, "alert": 21, "emergency": 21, "emerg": 21,
} | {name.lower(): 1 + _PER_NAME * index for index, name in enumerate(NAMES)}  # fmt: skip


def severity_of_level(level: int) -> int:
    """The SeverityNumber of a level: 20 is 9. 0, which is NOTSET, and less is 0."""
    if level <= logging.NOTSET:
        return 0
    if level < logging.DEBUG:
        return 1
    name = min(level // _LEVELS_PER_NAME, len(NAMES) - 1)
    return 1 + _PER_NAME * name + min(level - _LEVELS_PER_NAME * name, _PER_NAME - 1)


def level_of_severity(number: int) -> int:
    """The level of a SeverityNumber: 9 is 20. What has no severity is 0, and TRACE is 5."""
    if number <= 0:
        return logging.NOTSET
    name, step = divmod(min(number, MAX_SEVERITY) - 1, _PER_NAME)
    return _LEVELS_PER_NAME * name + step if name else logging.DEBUG // 2


def severity_of_word(word: str) -> int:
    """The SeverityNumber of a level's name in any spelling; 0 for a word that nobody knows."""
    return _WORDS.get(word.strip().lower(), 0)


def name_of_severity(number: int) -> str:
    """The name of a SeverityNumber, '' for none."""
    return NAMES[(number - 1) // _PER_NAME] if 0 < number <= MAX_SEVERITY else ""


def text_of_level(name: str) -> str:
    """The SeverityText for what Python's logging calls a level."""
    return _OTHER_NAMES.get(name, name)
